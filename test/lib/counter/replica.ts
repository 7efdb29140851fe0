import t from 'tap';
import { MAX_TURNS } from '../../../lib/counter/gathering.ts';
import { KEY_LIFETIME_MS } from '../../../lib/counter/key-table.ts';
import { decodeBatch, encodeOutcome } from '../../../lib/counter/messages.ts';
import { CounterReplica } from '../../../lib/counter/replica.ts';
import { type Batch, CounterState } from '../../../lib/counter/state.ts';
import {
  atom,
  CallError,
  type CallErrorCode,
  isAtom,
  Pid,
  ProcessExit,
  type Term,
} from '../../../lib/distribution/index.ts';
import { FakeClock, settle as settleOnce } from '../../support/fake-clock.ts';

const NAME = atom('counter');
const DAY_MS = 86_400_000;
const FIRST = new Pid('a@h', 1, 0, 1);
const SECOND = new Pid('b@h', 1, 0, 1);

interface Call {
  readonly owner: Pid;
  readonly request: Term;
  readonly batch?: Batch;
  readonly formerOwners?: readonly Pid[];
  readonly answer: (term: Term) => void;
  readonly fail: (code: CallErrorCode) => void;
  readonly end: (error: Error) => void;
}

/** Increments wait some turns of the event loop for others. */
async function settle(): Promise<void> {
  for (let turn = 0; turn <= MAX_TURNS; turn += 1) await settleOnce();
}

/** A replica whose owners are the test. */
function start(options: { readonly foreign?: boolean } = {}) {
  const clock = new FakeClock();
  const state = new CounterState();
  const owners = new CounterState();
  const time = { nowMs: 20_000 * DAY_MS, nonce: 0, flushes: 0, flushError: undefined as unknown };
  const calls: Call[] = [];
  const spread: string[] = [];
  type Listener = (event: { type: 'registered' | 'unregistered'; name: Term; pid: Pid }) => void;
  const listeners = new Set<Listener>();
  let owner: Pid | undefined;
  const replica = new CounterReplica({
    nodeName: 'me@h',
    counterName: NAME,
    state,
    client: {
      call: (to, request, { signal } = {}) =>
        new Promise((resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
          calls.push({
            owner: to as Pid,
            request,
            ...decodeBatch(request),
            answer: resolve,
            fail: (code) => reject(new CallError(code, code)),
            end: reject,
          });
        }),
    },
    global: {
      whereisName: () => owner,
      onNameEvent: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    understandsBatches: async () => options.foreign !== true,
    isReachable: (node) => node !== 'gone@h',
    spread: async (keys) => {
      spread.push(...keys.map(([key, { value }]) => `${key}: ${value}`));
    },
    flush: async () => {
      time.flushes += 1;
      if (time.flushError !== undefined) throw time.flushError;
    },
    clock,
    now: () => time.nowMs,
    nonce: () => String(time.nonce++),
  });
  const register = (pid: Pid | undefined): void => {
    const type = pid === undefined ? 'unregistered' : 'registered';
    const of = pid ?? owner ?? FIRST;
    owner = pid;
    for (const listener of [...listeners]) listener({ type, name: NAME, pid: of });
  };
  /** Counts the batch of a call, as an owner does, and answers. */
  const count = (call: Call | undefined): void =>
    call?.answer(encodeOutcome(owners.count(call.batch!, time.nowMs)));
  replica.open();
  return { replica, clock, state, owners, time, calls, register, count, spread };
}

t.test(
  'increments at the same time share one exchange; what comes meanwhile the next',
  async (t) => {
    const { replica, calls, register, count, state, time } = start();
    register(FIRST);
    const first = Promise.all([1, 2, 3].map(() => replica.increment()));
    await settle();
    t.equal(calls.length, 1);
    t.match(calls[0]!.batch, { session: 'me@h/20000/0', seq: 1, plain: 3, keys: [] });
    const second = Promise.all([replica.increment({ key: 'k' }), replica.increment({ key: 'k' })]);
    await settle();
    t.equal(calls.length, 1, 'one in flight');
    count(calls[0]);
    t.strictSame(await first, [1, 2, 3]);
    t.equal(time.flushes, 1, 'on disk before anybody is told');
    await settle();
    t.match(calls[1]!.batch, { seq: 2, plain: 0, keys: ['k'], confirmed: { seq: 1, share: 3 } });
    count(calls[1]);
    t.strictSame(await second, [4, 4]);
    t.equal(state.total, 4, 'what was answered is known here');
  },
);

t.test('who has just been told comes along with those who waited meanwhile', async (t) => {
  const { replica, calls, register, count } = start();
  register(FIRST);
  // Its client has to hear of the first one before it can ask again.
  const again = replica.increment().then(async () => {
    await settleOnce();
    return replica.increment();
  });
  await settle();
  const meanwhile = replica.increment();
  count(calls[0]);
  await settle();
  t.match(calls[1]!.batch, { seq: 2, plain: 2 });
  count(calls[1]);
  t.strictSame(await Promise.all([meanwhile, again]), [2, 3]);
});

t.test('a batch goes unchanged to the next owner, in each way the first may end', async (t) => {
  for (const code of ['noproc', 'noconnection', 'exit'] as const) {
    const { replica, calls, register, count } = start();
    register(FIRST);
    const answer = replica.increment();
    await settle();
    calls[0]!.fail(code);
    await settle();
    t.equal(calls.length, 1, 'one that has ended is not asked again');
    register(undefined);
    await settle();
    register(SECOND);
    await settle();
    t.strictSame(calls[1]!.request, calls[0]!.request, code);
    t.equal(calls[1]!.owner, SECOND);
    count(calls[1]);
    t.equal(await answer, 1);
  }
});

t.test(
  'a new owner gets it though the old one is still silent; two answers count once',
  async (t) => {
    const { replica, calls, register, count, owners } = start();
    register(FIRST);
    const answer = replica.increment();
    await settle();
    register(SECOND);
    await settle();
    t.equal(calls[1]!.owner, SECOND);
    count(calls[0]);
    count(calls[1]);
    t.equal(await answer, 1);
    t.equal(owners.total, 1);
  },
);

t.test('nobody waits longer than its time, and what was not sent is not counted', async (t) => {
  const { replica, clock, calls, register, count, owners } = start();
  register(FIRST);
  const sent = replica.increment({ timeoutMs: 100 });
  await settle();
  const unsent = replica.increment({ timeoutMs: 50 });
  const patient = replica.increment({ timeoutMs: 500 });
  const expired = [
    t.rejects(sent, { code: 'timeout' }, 'may count'),
    t.rejects(unsent, { code: 'noproc' }, 'does not count'),
  ];
  await clock.advance(100);
  await Promise.all(expired);
  count(calls[0]);
  await settle();
  t.match(calls[1]!.batch, { seq: 2, plain: 1 });
  count(calls[1]);
  t.equal(await patient, 2);
  t.equal(owners.total, 2);
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('a caller that gives up is taken out, if nothing was sent', async (t) => {
  const { replica, calls, register } = start();
  const gone = new AbortController();
  const increment = replica.increment({ signal: gone.signal });
  const read = replica.get({ signal: gone.signal });
  gone.abort(new Error('gone'));
  await t.rejects(increment, { message: 'gone' });
  await t.rejects(read, { message: 'gone' });
  register(FIRST);
  await settle();
  t.strictSame(calls, []);
});

t.test('for a caller that has gone before its increment was sent none is counted', async (t) => {
  const { replica, calls, register, count, owners } = start();
  const [gone, there] = [{ isGone: false }, { isGone: false }];
  const dropped = t.rejects(replica.increment({ caller: gone }), { name: 'AbortError' });
  const kept = replica.increment({ caller: there });
  gone.isGone = true;
  register(FIRST);
  await settle();
  await dropped;
  t.match(calls[0]!.batch, { seq: 1, plain: 1 });
  there.isGone = true;
  count(calls[0]);
  t.equal(await kept, 1, 'one that was sent is counted, and told');
  const alone = t.rejects(replica.increment({ caller: gone }), { name: 'AbortError' });
  await alone;
  t.equal(calls.length, 1, 'no batch of nobody');
  t.equal(owners.total, 1);
});

t.test(
  'for a caller that leaves while there is no owner none is counted by the next',
  async (t) => {
    for (const foreign of [false, true]) {
      const { replica, clock, calls, register } = start({ foreign });
      const [gone, there] = [{ isGone: false }, { isGone: false }];
      const dropped = t.rejects(replica.increment({ caller: gone }), { name: 'AbortError' });
      await settle();
      gone.isGone = true;
      register(FIRST);
      await settle();
      t.strictSame(calls, [], 'no batch of nobody');
      await dropped;
      register(undefined);
      const late = t.rejects(replica.increment({ timeoutMs: 10 }), { code: 'noproc' });
      await settle();
      await clock.advance(10);
      await late;
      register(FIRST);
      await settle();
      t.strictSame(calls, [], 'nor of one who was told that none was counted');
      void replica.increment({ caller: there });
      await settle();
      t.equal(calls.length, 1);
    }
  },
);

t.test('reads wait for an owner, and ask the next one', async (t) => {
  const { replica, clock, calls, register } = start();
  const read = replica.get();
  await settle();
  register(FIRST);
  await settle();
  calls[0]!.fail('noconnection');
  await settle();
  register(SECOND);
  await settle();
  t.ok(isAtom(calls[1]!.request, 'get'));
  calls[1]!.answer(7);
  t.equal(await read, 7);
  register(undefined);
  const late = t.rejects(replica.get({ timeoutMs: 10 }), { code: 'noproc' });
  await clock.advance(10);
  await late;
  register(SECOND);
  const slow = t.rejects(replica.get(), { code: 'timeout' });
  await settle();
  calls[2]!.fail('timeout');
  await slow;
});

t.test('an answer that is none fails those who wait, and not those after them', async (t) => {
  const { replica, calls, register, count, time } = start();
  register(FIRST);
  const failed = t.rejects(replica.increment(), { code: 'bad_reply' });
  await settle();
  calls[0]!.answer(atom('what'));
  await failed;
  const unsaved = t.rejects(replica.increment(), { message: 'disk full' });
  await settle();
  time.flushError = new Error('disk full');
  count(calls[1]);
  await unsaved;
  time.flushError = undefined;
  const good = replica.increment();
  await settle();
  count(calls[2]);
  t.equal(await good, 2);
});

t.test('each day has a session of its own, as has a session that was folded', async (t) => {
  const { replica, calls, register, count, time } = start();
  register(FIRST);
  const increment = async () => {
    const answer = replica.increment();
    await settle();
    return { batch: calls.at(-1)!.batch, answer };
  };
  const first = await increment();
  count(calls.at(-1));
  await first.answer;
  time.nowMs += DAY_MS;
  const second = await increment();
  t.match(second.batch, { session: 'me@h/20001/1', seq: 1 });
  // Our clock is far behind.
  calls.at(-1)!.answer(encodeOutcome({ type: 'folded', day: 20_500 }));
  await settle();
  t.match(calls.at(-1)!.batch, { session: 'me@h/20500/2', seq: 1, plain: 1 });
  count(calls.at(-1));
  t.equal(await second.answer, 2);
  const third = await increment();
  t.match(third.batch, { session: 'me@h/20500/2', seq: 2 }, 'the same session all day');
  count(calls.at(-1));
  await third.answer;
});

t.test('a foreign owner gets single calls, and its greatest value is kept', async (t) => {
  const { replica, calls, register, state } = start({ foreign: true });
  register(FIRST);
  const increments = [replica.increment(), replica.increment({ key: 'k' })];
  await settle();
  t.strictSame(
    calls.map(({ request }) => String(request)),
    ['increment', 'increment'],
  );
  calls[0]!.answer(11);
  calls[1]!.answer(12);
  t.strictSame(await Promise.all(increments), [11, 12]);
  t.equal(state.total, 12);
  const unknown = t.rejects(replica.increment(), { code: 'noconnection' }, 'it may have counted');
  const safe = replica.increment();
  await settle();
  calls[2]!.fail('noconnection');
  calls[3]!.fail('noproc');
  await unknown;
  register(SECOND);
  await settle();
  calls[4]!.answer(1);
  t.equal(await safe, 1, 'the request never arrived: the next one gets it');
});

t.test('closed, it tells those who wait; opened again, it goes on where it was', async (t) => {
  const { replica, calls, register, count } = start();
  register(FIRST);
  const sent = replica.increment();
  await settle();
  const unsent = replica.increment();
  const both = [t.rejects(sent, { code: 'timeout' }), t.rejects(unsent, { code: 'noproc' })];
  replica.close();
  await Promise.all(both);
  await replica.settled(10);
  const waiting = replica.increment();
  await settle();
  t.equal(calls.length, 1, 'nothing is sent while it is closed');
  replica.open();
  await settle();
  t.strictSame(calls[1]!.request, calls[0]!.request, 'what was in flight comes first');
  count(calls[1]);
  await settle();
  count(calls[2]);
  t.equal(await waiting, 2);
});

t.test('an increment that comes in the moment the last one is told is sent', async (t) => {
  const { replica, calls, register, count } = start();
  register(FIRST);
  const second = replica.increment().then(() => replica.increment());
  await settle();
  count(calls[0]);
  await settle();
  await settle();
  count(calls[1]);
  t.equal(await second, 2);
});

t.test('what was told for a key is told again without asking anybody', async (t) => {
  const { replica, calls, register, count, time } = start();
  register(FIRST);
  const first = replica.increment({ key: 'k' });
  await settle();
  count(calls[0]);
  t.equal(await first, 1);
  register(undefined);
  t.equal(await replica.increment({ key: 'k' }), 1, 'with no owner either');
  t.equal(calls.length, 1);
  t.equal(time.flushes, 2, 'though not before it is on disk');
  time.nowMs += KEY_LIFETIME_MS;
  register(FIRST);
  await settle();
  const anew = replica.increment({ key: 'k' });
  await settle();
  count(calls[1]);
  t.equal(await anew, 2, 'when it has expired it counts anew');
});

t.test('an owner is told of those before it, as far as keys are concerned', async (t) => {
  const { replica, calls, register, count } = start();
  const increment = async (key?: string) => {
    await settle();
    const answer = replica.increment({ key });
    await settle();
    count(calls.at(-1));
    await answer;
    return calls.at(-1)!.formerOwners;
  };
  register(FIRST);
  t.strictSame(await increment('a'), []);
  register(new Pid('gone@h', 1, 0, 1));
  register(SECOND);
  t.strictSame(await increment(), [], 'not without a key');
  t.strictSame(await increment('b'), [FIRST], 'the node of the other cannot be asked');
  t.strictSame(await increment('c'), [], 'once is enough');
  register(FIRST);
  t.strictSame(await increment('d'), [SECOND]);
});

t.test('a read on a node that stops finds no owner', async (t) => {
  const { replica, calls, register } = start();
  register(FIRST);
  const read = t.rejects(replica.get(), { code: 'noproc' });
  await settle();
  calls[0]!.end(new ProcessExit(atom('shutdown')));
  await read;
});
