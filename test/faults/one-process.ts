/**
 * Random faults among the nodes of one process, under load: deaths, orderly stops, starts, and splits that
 * heal. Everything a schedule does follows from its seed, which is printed; only the timing is the
 * machine's. One schedule again: `node --import tsx test/faults/one-process.ts SEED`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { CounterCluster, type CounterNode } from '../support/counter-cluster.ts';
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts';

const SEEDS = process.argv[2] === undefined ? [1, 2, 3, 4, 5, 6] : [Number(process.argv[2])];
const STEPS = 6;
/** clients of one node at most: as many increments a death may leave without an answer */
const MAX_CLIENTS = 4;

interface Schedule {
  readonly cluster: CounterCluster;
  readonly random: SeededRandom;
  readonly log: string[];
  /** increments that may count though nobody was told */
  unknown: number;
  starts: number;
}

type Step = (schedule: Schedule, one: CounterNode) => Promise<void>;

const STEPS_OF: readonly Step[] = [
  async (schedule, one) => {
    schedule.log.push(`kill ${describe(one)}`);
    schedule.unknown += MAX_CLIENTS;
    void schedule.cluster.kill(one);
    // One at a time: the others have told each other what they know by then.
    await delay(150);
  },
  async (schedule, one) => {
    schedule.log.push(`stop ${describe(one)}`);
    schedule.unknown += MAX_CLIENTS;
    one.alive = false;
    await schedule.cluster.stopOrderly(one);
  },
  (schedule) => join(schedule),
  async ({ cluster, random, log }) => {
    const groups = split(cluster.counters, random);
    log.push(`cut ${groups.map((group) => group.map(describe).join('')).join('|')}`);
    const nodes = groups.map((group) => group.map(({ node }) => node));
    cluster.network.cut(...nodes);
    await delay(50 + random.below(150));
    await cluster.network.heal(...nodes);
    log.push('heal');
  },
];

async function join(schedule: Schedule): Promise<void> {
  schedule.starts += 1;
  schedule.log.push(`start f${schedule.starts}`);
  load(schedule, await schedule.cluster.join(`f${schedule.starts}`));
}

function load({ cluster, random }: Schedule, one: CounterNode): void {
  cluster.load(one, 1 + random.below(MAX_CLIENTS));
}

/** Two groups, sometimes three; none is empty. */
function split(counters: readonly CounterNode[], random: SeededRandom): CounterNode[][] {
  const shuffled = counters
    .map((one) => ({ one, order: random.below(1_000_000) }))
    .sort((a, b) => a.order - b.order)
    .map(({ one }) => one);
  if (shuffled.length > 2 && random.below(3) === 0) {
    return [shuffled.slice(0, 1), shuffled.slice(1, 2), shuffled.slice(2)];
  }
  const at = 1 + random.below(shuffled.length - 1);
  return [shuffled.slice(0, at), shuffled.slice(at)];
}

function describe({ node, counter }: CounterNode): string {
  return `${node.name.slice(0, node.name.indexOf('@'))}${counter.isOwner ? '*' : ''}`;
}

async function run(t: Test, seed: number): Promise<void> {
  const random = seededRandom(seed * 7919);
  const names = ['a', 'b', 'c', 'd', 'e'].slice(0, 3 + random.below(3));
  const cluster = await CounterCluster.start(names);
  t.teardown(() => cluster.stop());
  const schedule: Schedule = { cluster, random, log: [], unknown: 0, starts: 0 };
  for (const one of cluster.counters) load(schedule, one);
  for (let step = 0; step < STEPS; step += 1) {
    await delay(30 + random.below(120));
    const { counters } = cluster;
    const one = counters[random.below(counters.length)]!;
    const action = STEPS_OF[random.below(STEPS_OF.length)]!;
    await (counters.length === 1 ? join(schedule) : action(schedule, one));
    await cluster.owner();
  }
  await cluster.finish();
  // The last merge may be on its way.
  await delay(50);
  t.comment(`seed ${seed}: ${schedule.log.join(', ')}`);
  t.strictSame(cluster.errors, [], 'no request failed on a node that was up');
  t.strictSame(cluster.wrongAnswers(), [], 'each owner gave each number once, and upwards');
  const counts = await Promise.all(cluster.counters.map(({ counter }) => counter.get()));
  t.equal(new Set(counts).size, 1, 'all say the same');
  const acknowledged = cluster.acknowledged.length;
  const count = Number(counts[0]);
  const most = acknowledged + schedule.unknown;
  t.ok(
    count >= acknowledged && count <= most,
    `${acknowledged} acknowledged, ${schedule.unknown} may be beside, the count is ${count}`,
  );
}

for (const seed of SEEDS) t.test(`schedule of seed ${seed}`, (t) => run(t, seed));
