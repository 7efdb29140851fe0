/** Runs a schedule of faults against a cluster under load, and has the result checked. */
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../seeded-random.ts';
import { check, clock, type Finding, summary, type Tally, tally } from './checker.ts';
import type { FaultCluster } from './cluster.ts';
import { type Absence, type Era, type History, nowMs, type Period } from './history.ts';
import type { HostNetwork } from './hosts.ts';
import { type ClientOptions, Load, send } from './load.ts';
import type { Step } from './schedule.ts';

export interface Run {
  readonly cluster: FaultCluster;
  /** needed for cuts */
  readonly network?: HostNetwork;
  readonly seed: number;
  readonly clients: readonly ClientOptions[];
  readonly pauseMs?: number;
}

export interface Result extends Tally {
  readonly history: History;
  readonly findings: readonly Finding[];
  /** answers that are in order for their owner, but not in that of the owner before it */
  readonly acrossOwners: readonly Finding[];
}

/** Two with a key, two without, one that reads: of every kind more than one node serves at a time. */
export const CLIENTS: readonly ClientOptions[] = [
  { type: 'keyed' },
  { type: 'keyed' },
  { type: 'plain' },
  { type: 'plain' },
  { type: 'reader' },
];

/** What the faults of a run tell the checker. */
export interface Notes {
  /** Runs a part in which the cluster is split, and waits until it is whole again. */
  split(during: () => Promise<void>): Promise<void>;
  /** Notes a time in which some nodes had an order of their own. */
  era(era: Era): void;
}

/** The load runs from before the first step until the cluster is whole after the last one. */
export async function runSchedule(run: Run, steps: readonly Step[]): Promise<Result> {
  return underLoad(run, async (notes) => {
    for (const step of steps) {
      await delay(step.afterMs);
      await runStep(run, step, notes);
      await run.cluster.whole();
    }
  });
}

/** Runs something under load and has the result checked. */
export async function underLoad(
  run: Run,
  faults: (notes: Notes) => Promise<void>,
): Promise<Result> {
  const { cluster, clients, pauseMs } = run;
  const initial = await cluster.agreedCount();
  const splits: Period[] = [];
  const eras: Era[] = [];
  const load = new Load({
    targets: cluster.members,
    clients,
    random: seededRandom(run.seed ^ 0x10ad),
    name: `seed${run.seed}-${initial}`,
    ...(pauseMs === undefined ? {} : { pauseMs }),
  }).start();
  try {
    await faults({
      async split(during) {
        const fromMs = nowMs();
        await during();
        await cluster.whole();
        await cluster.oneOwner();
        splits.push({ fromMs, toMs: nowMs() });
      },
      era: (era) => eras.push(era),
    });
    await delay(100);
  } finally {
    await load.stop();
  }
  const history: History = {
    operations: load.operations,
    initial,
    final: await cluster.agreedCount(),
    absences: cluster.absences,
    splits,
    excused: splits,
    eras: [...within(cluster.reigns(), between(splits)), ...eras],
  };
  return {
    history,
    findings: check(history),
    acrossOwners: check({ ...history, eras: between(splits) }).filter(({ type }) =>
      ORDER.has(type),
    ),
    ...tally(history),
  };
}

const ORDER: ReadonlySet<Finding['type']> = new Set(['repeated', 'went_back']);

/** The parts of each era that lie in one of the periods. */
function within(eras: readonly Era[], periods: readonly Period[]): readonly Era[] {
  return eras
    .flatMap((era) =>
      periods.map(({ fromMs, toMs }) => ({
        ...era,
        fromMs: Math.max(era.fromMs, fromMs),
        toMs: Math.min(era.toMs, toMs),
      })),
    )
    .filter(({ fromMs, toMs }) => fromMs < toMs);
}

/** The times in which nobody is split off. */
function between(splits: readonly Period[]): readonly Era[] {
  const starts = [0, ...splits.map(({ toMs }) => toMs)];
  const ends = [...splits.map(({ fromMs }) => fromMs), Number.POSITIVE_INFINITY];
  return starts.map((fromMs, index) => ({ name: 'the cluster', fromMs, toMs: ends[index]! }));
}

async function runStep({ cluster, network }: Run, step: Step, { split }: Notes): Promise<void> {
  switch (step.type) {
    case 'kill': {
      const member = cluster.member(step.node);
      await member.kill();
      await delay(step.downMs);
      await member.start();
      return;
    }
    case 'stop':
      await Promise.all(
        step.nodes.map(async (node, position) => {
          await delay(position * step.staggerMs);
          await cluster.stop(cluster.member(node));
          await delay(step.downMs);
          await cluster.member(node).start();
        }),
      );
      return;
    case 'freeze': {
      const member = cluster.member(step.node);
      member.freeze();
      await delay(step.forMs);
      member.thaw();
      return;
    }
    case 'kill_during_stop': {
      const [stopped, killed] = [cluster.member(step.node), cluster.member(step.killed)];
      const stopping = cluster.stop(stopped);
      await delay(step.killAfterMs);
      await killed.kill();
      await delay(step.downMs);
      await Promise.all([killed.start(), stopping.then(() => stopped.start())]);
      return;
    }
    case 'cut': {
      if (network === undefined) throw new Error('a cut needs a network of hosts');
      await split(async () => {
        await network.cut(step.sides);
        await delay(step.forMs);
        await network.heal();
      });
      return;
    }
  }
}

/** A seed of one's own (`FAULT_SEED`), or another one in each run. */
export function seedOf(environment: string | undefined = process.env.FAULT_SEED): number {
  return environment === undefined || environment === ''
    ? Math.floor(Math.random() * 2 ** 31)
    : Number(environment);
}

/**
 * Fails with the first findings of each kind. They are in the failure itself, after all else: of a long output
 * that is the part that everybody keeps.
 */
export function expectNoFindings(t: Assertions, result: Result, cluster: FaultCluster): void {
  const { acknowledged, unknown, reads, findings, acrossOwners, history } = result;
  const { initial, final } = history;
  if (findings.length > 0) {
    t.comment(cluster.logs());
    for (const absence of history.absences) t.comment(describeAbsence(absence));
  }
  t.comment(
    `${acknowledged} acknowledged, ${unknown} unknown, ${reads} read; ${initial} to ${final}`,
  );
  for (const { type, message } of acrossOwners.slice(0, 3)) {
    t.comment(`from one owner to the next, ${type}: ${message}`);
  }
  t.strictSame(summary(findings), [], 'every promise was kept');
}

function describeAbsence({ node, type, fromMs, toMs }: Absence): string {
  return `${node} ${type} from ${clock(fromMs)} to ${clock(toMs)}`;
}

/** The part of tap's test object that is needed. */
interface Assertions {
  comment(text: string): void;
  strictSame(found: unknown, wanted: unknown, message: string): boolean;
  ok(value: unknown, message: string): boolean;
  equal(found: unknown, wanted: unknown, message: string): boolean;
}

/** Every orderly stop so far exits with 0, in time. */
export function expectOrderlyStops(t: Assertions, { stops }: FaultCluster): void {
  for (const { node, exit, durationMs } of stops) {
    t.equal(exit, 0, `${node} stops in good order`);
    t.ok(durationMs < 10_000, `within 10 s: ${durationMs.toFixed()} ms`);
  }
}

/** Increments asked of one node after the other get one value after the other: there is one owner. */
export async function expectOneOwner(t: Assertions, { members }: FaultCluster): Promise<void> {
  const counts: (number | undefined)[] = [];
  for (const { url } of [...members, ...members]) {
    const outcome = await send(url ?? '', { method: 'POST', path: '/counter/increment' });
    counts.push(outcome.type === 'answered' ? outcome.count : undefined);
  }
  const first = counts[0] ?? Number.NaN;
  t.strictSame(
    counts,
    counts.map((_, index) => first + index),
    'all nodes ask one owner',
  );
}
