import { test } from 'tap';
import { COUNTER_NAME, Counter, CounterServer, startCounter } from '../../lib/counter.ts';
import {
  type Atom,
  atom,
  CallError,
  type CallResult,
  float,
  type GenServer,
  GenServerClient,
  type Pid,
  ProcessTable,
  startGenServer,
  startNode,
  type Term,
  tuple,
} from '../../lib/distribution/index.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { until } from '../support/peers.ts';
import { RecordingRemote } from '../support/recording-remote.ts';

const GET = atom('get');
const INCREMENT = atom('increment');

/** Names that a test gives and takes away, and whoever waits for one. */
class FakeGlobal {
  /** what each look-up finds; the last one stays */
  owners: (Pid | undefined)[] = [];
  readonly waits: (number | undefined)[] = [];
  #found: (owner: Pid | undefined) => void = () => {};

  whereisName(name: Term): Pid | undefined {
    if (name !== COUNTER_NAME) throw new Error('expected a look-up of the counter');
    return this.owners.length > 1 ? this.owners.shift() : this.owners[0];
  }

  waitForName(
    _name: Term,
    { timeoutMs, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<Pid | undefined> {
    this.waits.push(timeoutMs);
    return new Promise((resolve, reject) => {
      this.#found = resolve;
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  }

  /** Ends the wait. */
  answer(owner: Pid | undefined): void {
    this.owners = [owner];
    this.#found(owner);
  }
}

function setUp() {
  const clock = new FakeClock();
  const remote = new RecordingRemote();
  const processes = new ProcessTable({ node: 'a@x', creation: 1, remote, clock });
  const client = new GenServerClient({ processes });
  const global = new FakeGlobal();
  const counter = new Counter(client, global, () => clock.now());
  const start = async (server: GenServer) => {
    const started = await startGenServer(processes, server);
    if (started.type === 'ignore') throw new Error('expected a start');
    return started.process;
  };
  return { clock, processes, global, counter, start };
}

/** Answers every call alike. */
function answering(result: CallResult, onCall: () => void = () => {}): GenServer {
  return {
    handleCall: () => {
      onCall();
      return result;
    },
  };
}

test('the server counts from zero and tells the new value', async (t) => {
  const server = new CounterServer();
  t.strictSame(server.handleCall(GET), { reply: 0 });
  t.strictSame(server.handleCall(INCREMENT), { reply: 1 });
  t.strictSame(server.handleCall(INCREMENT), { reply: 2 });
  t.strictSame(server.handleCall(GET), { reply: 2 });
});

test('a request that the server does not know is answered, and costs nothing', async (t) => {
  const server = new CounterServer(7);
  const request: Atom = atom('reset');
  t.strictSame(server.handleCall(request), {
    reply: tuple(atom('error'), tuple(atom('unknown_request'), request)),
  });
  t.strictSame(server.handleCall(tuple(GET)), {
    reply: tuple(atom('error'), tuple(atom('unknown_request'), tuple(GET))),
  });
  t.strictSame(server.handleCall(GET), { reply: 7 });
});

test('the server counts on exactly where numbers end', async (t) => {
  const server = new CounterServer(Number.MAX_SAFE_INTEGER - 1);
  const replies = [1, 2, 3].map(() => (server.handleCall(INCREMENT) as { reply: Term }).reply);
  t.strictSame(replies, [Number.MAX_SAFE_INTEGER, 2n ** 53n, 2n ** 53n + 1n]);
});

test('calls whoever owns the name', async (t) => {
  const { counter, global, start } = setUp();
  global.owners = [(await start(new CounterServer(40))).pid];
  t.equal(await counter.increment(), 41);
  t.equal(await counter.increment(), 42);
  t.equal(await counter.get(), 42);
});

test('a count beyond 2^53 comes as a bigint', async (t) => {
  const { counter, global, start } = setUp();
  global.owners = [(await start(new CounterServer(2n ** 64n))).pid];
  t.equal(await counter.increment(), 2n ** 64n + 1n);
});

test('waits for an owner, and the call itself has what is left of the time', async (t) => {
  const { clock, counter, global, start } = setUp();
  const owner = await start(answering({ noReply: true }));
  const calling = counter.get({ timeoutMs: 5_000 });
  t.strictSame(global.waits, [5_000]);
  await clock.advance(3_000);
  global.answer(owner.pid);
  await settle();
  t.strictSame(clock.delays, [2_000], 'the deadline of the call');
  const refused = t.rejects(calling, { name: 'CallError', code: 'timeout' });
  await clock.advance(2_000);
  await refused;
  t.equal(clock.pending, 0);
});

test('nobody owns the counter in time: noproc, so nothing was counted', async (t) => {
  const { counter, global } = setUp();
  const calling = counter.increment();
  t.strictSame(global.waits, [5_000], 'as long as any call');
  global.answer(undefined);
  await t.rejects(calling, { name: 'CallError', code: 'noproc' });
});

test('an owner that was gone before the request came is followed by the next', async (t) => {
  const { counter, global, start } = setUp();
  const gone = await start(new CounterServer(100));
  gone.stop(atom('normal'));
  const next = await start(new CounterServer(7));
  global.owners = [gone.pid, next.pid];
  t.equal(await counter.increment(), 8);
  t.strictSame(global.waits, []);
});

test('a name that stays with a dead owner is noproc, not an endless loop', async (t) => {
  const { counter, global, start } = setUp();
  const gone = await start(new CounterServer());
  gone.stop(atom('normal'));
  global.owners = [gone.pid];
  await t.rejects(counter.increment(), { name: 'CallError', code: 'noproc' });
});

test('an owner that ends during the call may have counted: it is not asked again', async (t) => {
  const { counter, global, start } = setUp();
  let calls = 0;
  const dying = await start(
    answering({ stop: atom('boom') }, () => {
      calls += 1;
    }),
  );
  global.owners = [dying.pid];
  const error = await counter.increment().catch((reason: unknown) => reason);
  if (!(error instanceof CallError)) throw new Error(`expected a CallError, got ${error}`);
  t.equal(error.code, 'exit');
  t.match(error.context.exitReason, { name: 'boom' });
  t.equal(calls, 1);
});

test('an answer that is no integer is bad_reply', async (t) => {
  const replies: Term[] = [atom('ok'), 1.5, float(1), [1], tuple(atom('error'), 1)];
  for (const reply of replies) {
    const { counter, global, start } = setUp();
    global.owners = [(await start(answering({ reply }))).pid];
    await t.rejects(counter.get(), { name: 'CallError', code: 'bad_reply' });
  }
});

test('an abort ends the wait for an owner, and the call', async (t) => {
  const { clock, counter, global, start } = setUp();
  const waiting = new AbortController();
  const first = t.rejects(counter.get({ signal: waiting.signal }), { message: 'the client left' });
  waiting.abort(new Error('the client left'));
  await first;

  global.owners = [(await start(answering({ noReply: true }))).pid];
  const calling = new AbortController();
  const second = t.rejects(counter.get({ signal: calling.signal }), { message: 'and another' });
  await settle();
  calling.abort(new Error('and another'));
  await second;
  t.equal(clock.pending, 0, 'no timer is left');
});

test('of two counters that start at once one stays, and the other leaves nothing', async (t) => {
  const node = await startNode();
  t.teardown(() => node.stop());
  const { processes } = node.local;
  const before = processes.sizes.processes;
  const started = await Promise.all([startCounter(node), startCounter(node)]);
  t.equal(started.filter((child) => child === 'ignore').length, 1);
  await until(() => processes.sizes.processes === before + 1);
  t.equal(node.global.whereisName(COUNTER_NAME)?.node, node.local.name);
});

test('a counter that ends frees the name, and the next one begins anew', async (t) => {
  const node = await startNode();
  t.teardown(() => node.stop());
  const counter = new Counter(node.client, node.global);
  const first = await startCounter(node);
  if (first === 'ignore') throw new Error('expected a start');
  t.equal(await counter.increment(), 1);
  first.shutdown();
  t.strictSame(await first.exited, { type: 'shutdown' });
  await until(() => node.global.whereisName(COUNTER_NAME) === undefined);

  const waiting = counter.increment();
  t.not(await startCounter(node), 'ignore');
  t.equal(await waiting, 1, 'a call made in between was for the next one');
});
