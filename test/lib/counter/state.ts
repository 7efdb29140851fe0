import t from 'tap';
import { add, type Count } from '../../../lib/counter/count.ts';
import { Certainty, KEY_LIFETIME_MS } from '../../../lib/counter/key-table.ts';
import { foreignSession, sessionId } from '../../../lib/counter/session.ts';
import {
  type Batch,
  type CounterSnapshot,
  CounterState,
  RETENTION_DAYS,
  type SessionEntry,
} from '../../../lib/counter/state.ts';
import { type SeededRandom, seededRandom } from '../../support/seeded-random.ts';

const TODAY = 20_000;
const session = (name: string, day = TODAY): string => sessionId(`${name}@h`, day, 'n');

function batch(from: string, seq: number, plain: number, keys: readonly string[] = []): Batch {
  return { session: from, seq, plain, keys, confirmed: undefined };
}

function stateOf(...snapshots: readonly CounterSnapshot[]): CounterState {
  const state = new CounterState();
  for (const snapshot of snapshots) state.merge(snapshot);
  return state;
}

/** A snapshot whose order says nothing. */
function canonical(state: CounterState): unknown {
  const { sessions, keys, ...rest } = state.snapshot();
  const sort = (pairs: readonly (readonly [string, unknown])[]) =>
    [...pairs].sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...rest, total: state.total, sessions: sort(sessions), keys: sort(keys) };
}

function sumOf({ base, sessions }: CounterSnapshot): Count {
  return sessions.reduce<Count>((sum, [, { share }]) => add(sum, share), base);
}

t.test('a batch is counted once, and answered again as it was', async (t) => {
  const state = new CounterState();
  const first = state.count(batch(session('a'), 1, 3, ['k']), 0);
  t.match(first, { type: 'counted', entry: { seq: 1, share: 4, counted: 4, value: 4 } });
  state.count(batch(session('b'), 1, 2), 0);
  t.strictSame(state.count(batch(session('a'), 1, 3, ['k']), 5), first, 'sent again');
  t.equal(state.total, 6);
  state.count(batch(session('a'), 2, 1), 0);
  t.strictSame(state.count(batch(session('a'), 1, 3, ['k']), 0), { type: 'stale' });
  t.equal(state.total, 7);
});

t.test('a key counts once, whichever session brings it, until it has expired', async (t) => {
  const state = new CounterState();
  const keysOf = (b: Batch, nowMs: number) => {
    const outcome = state.count(b, nowMs);
    return outcome.type === 'counted' ? outcome.keyRecords.map(({ value }) => value) : outcome;
  };
  t.strictSame(
    keysOf(batch(session('a'), 1, 2, ['k', 'l']), 0),
    [3, 4],
    'after those without a key',
  );
  t.strictSame(keysOf(batch(session('b'), 1, 1, ['l', 'm', 'k']), 9), [4, 6, 3]);
  t.equal(state.total, 6);
  t.strictSame(keysOf(batch(session('b'), 2, 0, ['k']), KEY_LIFETIME_MS), [7], 'expired: anew');
});

t.test('without a key nothing is stored but the sum', async (t) => {
  const state = new CounterState();
  for (let seq = 1; seq <= 100; seq += 1) state.count(batch(session('a'), seq, 10), 0);
  t.match(state, { total: 1_000, keys: 0, sessions: 1 });
});

t.test('what a session knows of itself counts, though no other node has told it', async (t) => {
  const state = new CounterState();
  const confirmed: SessionEntry = { seq: 4, share: 40, counted: 2, value: 90 };
  const outcome = state.count({ ...batch(session('a'), 5, 1), confirmed }, 0);
  t.match(outcome, { entry: { seq: 5, share: 41, value: 41 } });
});

t.test('beyond 2^53 the total is exact', async (t) => {
  const state = new CounterState();
  state.observe(session('old'), Number.MAX_SAFE_INTEGER);
  t.equal(state.total, Number.MAX_SAFE_INTEGER);
  state.count(batch(session('a'), 1, 2, ['k']), 0);
  t.equal(state.total, 2n ** 53n + 2n);
});

t.test('an owner that merges gives what it learns numbers of their own', async (t) => {
  const [ours, theirs] = [new CounterState(), new CounterState()];
  ours.count(batch(session('a'), 1, 10), 0);
  theirs.count(batch(session('b'), 1, 4), 0);
  t.equal(ours.merge(theirs.snapshot(), true), 4, 'what it adds');
  t.match(ours.count(batch(session('b'), 1, 4), 0), { entry: { counted: 4, value: 14 } });
  t.equal(ours.merge(theirs.snapshot(), true), 0);
});

t.test(
  'a prepared batch is not counted yet, and comes after what is counted meanwhile',
  async (t) => {
    const state = new CounterState();
    const prepared = state.prepare(batch(session('a'), 1, 1, ['k']), 0);
    t.equal(state.total, 0);
    t.equal(prepared.keyRecords[0]?.value, 2, 'provisional');
    state.count(batch(session('b'), 1, 5), 0);
    const outcome = state.commit(prepared);
    t.match(outcome, { entry: { share: 2, counted: 2, value: 7 }, keyRecords: [{ value: 7 }] });
    t.equal(state.total, 7);
  },
);

t.test('a prepared batch that comes back in a merge is not counted twice', async (t) => {
  const state = new CounterState();
  const prepared = state.prepare(batch(session('a'), 1, 1, ['k']), 0);
  const backup = stateOf(state.preview(prepared));
  state.count(batch(session('b'), 1, 5), 0);
  state.merge(backup.snapshot(), true);
  t.match(state.commit(prepared), { entry: { share: 2, value: 7 }, keyRecords: [{ value: 7 }] });
  t.equal(state.total, 7);
  t.match(state.count(batch(session('c'), 1, 0, ['k']), 1), { keyRecords: [{ value: 7 }] });
});

t.test('what a client was told outlives what an owner only counted', async (t) => {
  // Counted on one side of a split, whose answer never came; told on the other.
  const [lost, told, node] = [new CounterState(), new CounterState(), new CounterState()];
  const sent = batch(session('n'), 1, 0, ['k']);
  lost.count(batch(session('a'), 1, 8), 0);
  t.match(lost.count(sent, 1), { keyRecords: [{ value: 9 }] });
  const outcome = told.count(sent, 2);
  if (outcome.type !== 'counted') throw new Error('expected it to be counted');
  t.strictSame(node.told('k', 3), undefined);
  t.strictSame(node.confirm(sent, outcome.entry, outcome.keyRecords, 3), [1]);
  t.equal(node.told('k', 3), 1);
  for (const parts of [
    [lost, told, node],
    [node, lost, told],
    [told, lost],
  ]) {
    const merged = stateOf(...parts.map((part) => part.snapshot()));
    t.match(merged.count(batch(session('m'), 1, 0, ['k']), 4), {
      entry: { counted: 0 },
      keyRecords: [{ value: 1 }],
    });
    t.equal(merged.total, 9, 'and it counts once');
  }
});

t.test('a key that another owner has answered before a prepared batch is counted', async (t) => {
  const state = new CounterState();
  const prepared = state.prepare(batch(session('a'), 1, 0, ['k']), 0);
  t.equal(prepared.keyRecords[0]?.certainty, Certainty.PREPARED);
  const other = new CounterState();
  other.count(batch(session('b'), 1, 4, ['k']), 0);
  state.merge(other.snapshot(), true);
  t.match(state.commit(prepared), { keyRecords: [{ value: 5 }] }, 'has that answer');
});

t.test('what is told for a stranger is known as told', async (t) => {
  const [one, other] = [new CounterState(), new CounterState()];
  other.merge({ ...one.snapshot(), keys: [['k', one.tell('k', 12, 0)]] });
  t.equal(other.told('k', 1), 12);
  t.equal(other.told('k', KEY_LIFETIME_MS), undefined);
  t.equal(other.total, 0);
});

t.test('sessions older than the retention are folded, and the total stays', async (t) => {
  const state = new CounterState();
  for (let day = TODAY - 400; day <= TODAY; day += 1) {
    state.count(batch(session('a', day), 1, 1), 0);
    state.foldOld(day);
  }
  t.equal(state.total, 401);
  t.equal(state.sessions, RETENTION_DAYS + 1, 'not one more, however long it runs');
  t.strictSame(state.count(batch(session('a', 1), 1, 1), 0), { type: 'folded', day: TODAY });
  const other = stateOf(state.snapshot());
  t.strictSame(canonical(other), canonical(state));
  state.foldOld(TODAY + 1_000_000);
  t.equal(state.sessions, RETENTION_DAYS + 1, 'a clock that is ahead folds nothing that is alive');
});

t.test('what was seen of a foreign owner counts once, and is never folded', async (t) => {
  const [one, other] = [new CounterState(), new CounterState()];
  one.observe(foreignSession('<elixir>'), 7);
  other.observe(foreignSession('<elixir>'), 9);
  one.observe(foreignSession('<elixir>'), 8);
  one.merge(other.snapshot());
  one.count(batch(session('a'), 1, 1), 0);
  one.foldOld(TODAY + 1_000);
  t.equal(one.total, 10);
  t.equal(one.sessions, 2, 'nor does it make the rest look old');
});

t.test('a node that folded nothing yet meets one that has', async (t) => {
  const old = new CounterState();
  old.count(batch(session('a', TODAY - 40), 1, 7), 0);
  old.count(batch(session('a', TODAY), 1, 2), 0);
  const folded = stateOf(old.snapshot());
  folded.foldOld(TODAY);
  folded.count(batch(session('b', TODAY), 1, 1), 0);
  const fresh = new CounterState();
  fresh.fold(TODAY - RETENTION_DAYS);
  for (const parts of [
    [old, folded, fresh],
    [fresh, folded, old],
    [fresh, old, folded],
  ]) {
    const merged = stateOf(...parts.map((part) => part.snapshot()));
    t.equal(merged.total, 10);
    t.equal(merged.entry(session('a', TODAY - 40)), undefined);
  }
});

/**
 * Random histories: nodes that count at owners of their own choice, answers that are lost, batches that
 * are sent again elsewhere, owners that merge at random moments.
 */
interface History {
  readonly states: readonly CounterState[];
  /** increments that were answered */
  readonly acknowledged: number;
  /** every increment that may have been counted */
  readonly sent: number;
}

function history(random: SeededRandom, steps: number, keys: boolean): History {
  const states = Array.from({ length: 3 }, () => new CounterState());
  const nodes = Array.from({ length: 4 }, (_, i) => ({
    session: session(`n${i}`),
    seq: 0,
    pending: undefined as Batch | undefined,
    confirmed: undefined as SessionEntry | undefined,
  }));
  let acknowledged = 0;
  let sent = 0;
  let nextKey = 0;
  for (let step = 0; step < steps; step += 1) {
    const at = states[random.below(states.length)]!;
    if (random.below(5) === 0) {
      at.merge(states[random.below(states.length)]!.snapshot(), random.below(2) === 0);
      continue;
    }
    const node = nodes[random.below(nodes.length)]!;
    if (node.pending === undefined) {
      const plain = random.below(4);
      const own = keys ? Array.from({ length: random.below(3) }, () => `k${nextKey++}`) : [];
      node.seq += 1;
      const { seq, confirmed } = node;
      node.pending = { session: node.session, seq, plain, keys: own, confirmed };
      sent += plain + own.length;
    }
    const outcome = at.count(node.pending, step);
    // Half of the answers are lost: the same batch goes to another owner.
    if (random.below(2) === 0 || outcome.type !== 'counted') continue;
    acknowledged += node.pending.plain + node.pending.keys.length;
    node.confirmed = outcome.entry;
    node.pending = undefined;
  }
  return { states, acknowledged, sent };
}

t.test('random histories: every acknowledged increment counts exactly once', async (t) => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = seededRandom(seed);
    const { states, acknowledged, sent } = history(random, 10 + random.below(120), seed % 2 === 0);
    const merged = stateOf(...states.map((state) => state.snapshot()));
    const total = Number(merged.total);
    // What was sent and not answered may count, once.
    if (total < acknowledged || total > sent || sumOf(merged.snapshot()) !== merged.total) {
      t.fail(`seed ${seed}: ${acknowledged} acknowledged, ${sent} sent, total ${merged.total}`);
    }
  }
});

t.test('random histories: merging is commutative, associative and idempotent', async (t) => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = seededRandom(seed);
    const { states } = history(random, 10 + random.below(80), true);
    const [a, b, c] = states.map((state) => state.snapshot()) as [
      CounterSnapshot,
      CounterSnapshot,
      CounterSnapshot,
    ];
    const expected = canonical(stateOf(a, b, c));
    const [ab, bc] = [stateOf(a, b).snapshot(), stateOf(b, c).snapshot()];
    const others = [stateOf(c, a, b), stateOf(b, c, a), stateOf(ab, c), stateOf(a, bc)];
    for (const other of [...others, stateOf(a, b, c, a, ab, bc, a)]) {
      t.strictSame(canonical(other), expected, `seed ${seed}`);
    }
  }
});

t.test('random histories: retries through any owner count a key once', async (t) => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = seededRandom(seed);
    const owners = [new CounterState()];
    const answers = new Map<string, Count>();
    const seqs = [0, 0, 0];
    for (let step = 0; step < 100; step += 1) {
      const owner = owners.at(-1)!;
      // Take-over: the next owner collects everything.
      if (random.below(10) === 0) owners.push(stateOf(owner.snapshot()));
      const from = random.below(seqs.length);
      seqs[from]! += 1;
      const key = `k${random.below(20)}`;
      const b = batch(session(`n${from}`), seqs[from]!, random.below(3), [key]);
      const outcome = owners.at(-1)!.count(b, step);
      if (outcome.type !== 'counted') return t.fail(`seed ${seed}: ${outcome.type}`);
      const value = outcome.keyRecords[0]!.value;
      if ((answers.get(key) ?? value) !== value) t.fail(`seed ${seed}: ${key} got another answer`);
      answers.set(key, value);
    }
  }
});
