import t, { type Test } from 'tap';
import type { Count } from '../../../lib/counter/count.ts';
import { decodeOutcome, decodeState, encodeBatch } from '../../../lib/counter/messages.ts';
import { CounterOwner } from '../../../lib/counter/owner.ts';
import { CounterState, RETENTION_DAYS } from '../../../lib/counter/state.ts';
import {
  atom,
  CallError,
  Pid,
  startGenServer,
  startNode,
  type Term,
  tuple,
} from '../../../lib/distribution/index.ts';

const TODAY = 20_000;
const DAY_MS = 86_400_000;
const OWN = `own@h/${TODAY}/n`;
const OTHER = `other@h/${TODAY}/n`;

const FORMER = new Pid('former@h', 1, 0, 1);

interface Replication {
  readonly state: Term;
  readonly done: () => void;
}

async function start(t: Test, increment: () => Promise<number> = async () => 42) {
  const node = await startNode();
  t.teardown(() => node.stop());
  const state = new CounterState();
  const replications: Replication[] = [];
  const time = { nowMs: TODAY * DAY_MS };
  const reconciling: { promise: Promise<void> | undefined } = { promise: undefined };
  const asked: (readonly Pid[])[] = [];
  const growths: [Count, Count][] = [];
  const ends = { count: 0 };
  const owner = new CounterOwner({
    processes: node.local.processes,
    state,
    ownSession: () => OWN,
    increment,
    reconciled: (formerOwners) => {
      asked.push(formerOwners);
      return reconciling.promise;
    },
    onGrowth: (before) => growths.push([before, state.total]),
    replicate: (sent) =>
      new Promise((done) => {
        replications.push({ state: sent, done });
      }),
    onEnd: () => {
      ends.count += 1;
    },
    now: () => time.nowMs,
  });
  const started = await startGenServer(node.local.processes, owner);
  if (started.type !== 'started') throw new Error('expected a process');
  const { pid, process } = started;
  const call = (request: Term, timeoutMs = 1_000) => node.client.call(pid, request, { timeoutMs });
  const batch = (session: string, seq: number, plain: number, keys: readonly string[] = []) =>
    call(
      encodeBatch({
        batch: { session, seq, plain, keys, confirmed: undefined },
        formerOwners: [FORMER],
      }),
    ).then(decodeOutcome);
  return {
    ...{ state, replications, time, owner, process, call, batch },
    ...{ reconciling, asked, growths, ends },
  };
}

t.test('another node’s batch is counted at once', async (t) => {
  const { replications, call, batch } = await start(t);
  t.match(await batch(OTHER, 1, 3), { type: 'counted', entry: { value: 3 } });
  t.match(await batch(OTHER, 1, 3), { type: 'counted', entry: { value: 3 } });
  t.equal(await call(atom('get')), 3);
  t.strictSame(replications, []);
});

t.test('our own node’s batch is shown to nobody before a backup has it', async (t) => {
  const { replications, owner, call, batch } = await start(t);
  const answer = batch(OWN, 1, 2, ['k']);
  await batch(OTHER, 1, 4);
  t.equal(await call(atom('get')), 4);
  t.match(decodeState(replications[0]!.state), {
    sessions: [[OWN, { seq: 1, share: 3 }]],
    keys: [['k', { value: 3 }]],
  });
  // The same key elsewhere waits for what becomes of it.
  const same = batch(OTHER, 2, 1, ['k']);
  replications[0]!.done();
  await new Promise(setImmediate);
  t.match(decodeState(replications[1]!.state), { keys: [['k', { value: 7 }]] }, 'its final number');
  replications[1]!.done();
  t.match(await answer, { entry: { counted: 3, value: 7 }, keyRecords: [{ value: 7 }] });
  t.match(await same, { entry: { counted: 1, value: 8 }, keyRecords: [{ value: 7 }] });
  await owner.suspended();
  t.equal(await call(atom('get')), 8);
});

t.test('a key waits until what other owners answered is known', async (t) => {
  const { state, reconciling, asked, batch, process } = await start(t);
  let reconcile: () => void = () => undefined;
  reconciling.promise = new Promise((resolve) => {
    reconcile = resolve;
  });
  const keyed = batch(OTHER, 1, 0, ['k']);
  t.match(await batch(`third@h/${TODAY}/n`, 1, 2), { entry: { value: 2 } }, 'others do not');
  t.strictSame(asked, [[FORMER]]);
  t.equal(state.total, 2);
  const there = new CounterState();
  there.count(
    { session: `x@h/${TODAY}/n`, seq: 1, plain: 6, keys: ['k'], confirmed: undefined },
    TODAY * DAY_MS,
  );
  state.merge(there.snapshot(), true);
  reconciling.promise = undefined;
  reconcile();
  t.match(await keyed, { entry: { counted: 0 }, keyRecords: [{ value: 7 }] }, 'and is not counted');

  reconciling.promise = new Promise((resolve) => {
    reconcile = resolve;
  });
  const late = t.rejects(batch(OTHER, 2, 0, ['l']), { code: 'exit' });
  await new Promise(setImmediate);
  process.stop(atom('killed'));
  reconcile();
  await late;
  t.equal(state.total, 9, 'an owner that has ended counts nothing more');
});

t.test('every growth is told, in order', async (t) => {
  const { replications, growths, batch } = await start(t);
  const own = batch(OWN, 1, 2);
  await batch(OTHER, 1, 4);
  await batch(OTHER, 2, 1);
  replications[0]!.done();
  await own;
  await batch(OTHER, 2, 1);
  const expected = [
    [0, 4],
    [4, 5],
    [5, 7],
  ];
  t.strictSame(growths, expected, 'what is asked again is no growth');
});

t.test('its end is told, once', async (t) => {
  const { process, batch, ends } = await start(t);
  await batch(OTHER, 1, 1);
  t.equal(ends.count, 0);
  process.stop(atom('killed'));
  t.equal(ends.count, 1, 'at once');
});

t.test('an owner that is killed meanwhile has not counted it', async (t) => {
  const { state, replications, process, batch } = await start(t);
  const answer = batch(OWN, 1, 1);
  process.stop(atom('killed'));
  await t.rejects(answer, { code: 'exit' });
  replications[0]!.done();
  await new Promise(setImmediate);
  t.equal(state.total, 0);
});

t.test('an increment goes through the replica, and fails without an answer', async (t) => {
  const { call } = await start(t);
  t.equal(await call(atom('increment')), 42);
  const failing = await start(t, () => Promise.reject(new CallError('timeout', 'too late')));
  await t.rejects(failing.call(atom('increment'), 20), { code: 'timeout' });
  const faulty = await start(t, () => Promise.reject(new Error('a fault')));
  await t.rejects(faulty.call(atom('increment')), { code: 'exit' });
});

t.test('what it does not know is answered, and harms nothing', async (t) => {
  const { call } = await start(t);
  for (const request of [atom('reset'), tuple(atom('increment_batch'), 1), 'text' as never]) {
    t.match(await call(request), tuple(atom('error')), String(request));
  }
  t.equal(await call(atom('get')), 0);
});

t.test('old sessions are folded when a day begins', async (t) => {
  const { state, time, batch } = await start(t);
  await batch(OTHER, 1, 5);
  time.nowMs += RETENTION_DAYS * DAY_MS;
  await batch(`other@h/${TODAY + RETENTION_DAYS}/n`, 1, 1);
  t.equal(state.sessions, 2);
  time.nowMs += DAY_MS;
  await batch(`other@h/${TODAY + RETENTION_DAYS + 1}/n`, 1, 1);
  time.nowMs += DAY_MS;
  await batch(`other@h/${TODAY + RETENTION_DAYS + 2}/n`, 1, 1);
  t.equal(state.entry(OTHER), undefined);
  t.equal(state.total, 8);
  t.match(await batch(OTHER, 2, 1), { type: 'folded' });
});
