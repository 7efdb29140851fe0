/** Everything about a run that follows from its seed: how many nodes, which faults, which clients. */
import { seededRandom } from '../seeded-random.ts';
import { FaultCluster } from './cluster.ts';
import { HostNetwork } from './hosts.ts';
import type { ClientOptions } from './load.ts';
import { CLIENTS, type Result, runSchedule } from './run-schedule.ts';
import { describeStep, generateSchedule, type Step } from './schedule.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

/** A run of one seed. */
export interface RandomRun {
  readonly seed: number;
  readonly steps: number;
  /** the fewest nodes; there are up to `spread - 1` more */
  readonly least: number;
  readonly spread: number;
  /** whether the network is cut too: then each node is a host of its own */
  readonly cuts: boolean;
  /** how many times the five kinds of clients, where the network is whole */
  readonly clients: number;
  /** told before anything happens */
  readonly onStep?: (step: string) => void;
}

/** What came of it. */
export interface Played {
  readonly steps: readonly Step[];
  readonly result: Result;
  readonly cluster: FaultCluster;
}

/** Plays the schedule of a seed; what it has started ends with `t`. */
export async function playSeed(t: Teardown, run: RandomRun): Promise<Played> {
  const { seed, cuts } = run;
  const random = seededRandom(seed);
  const size = run.least + random.below(run.spread);
  const steps = generateSchedule(random, {
    ...{ size, steps: run.steps },
    types: [
      ...(['kill', 'kill', 'stop', 'freeze', 'kill_during_stop'] as const),
      ...(cuts ? (['cut', 'cut', 'cut'] as const) : []),
    ],
  });
  for (const step of steps) run.onStep?.(describeStep(step));
  const network = cuts ? await HostNetwork.create(t, size) : undefined;
  const cluster = await FaultCluster.start(t, {
    size,
    ...(network === undefined
      ? {}
      : { placements: network.placements, env: { NET_TICKTIME: '3' } }),
  });
  // A client stays with its node: a retry on the other side of a split cannot know of the first try.
  const pinned = cluster.members.flatMap(({ name }): ClientOptions[] =>
    (['keyed', 'plain', 'reader'] as const).map((type) => ({ type, pinnedTo: name })),
  );
  const free = Array.from({ length: run.clients }, () => CLIENTS).flat();
  const result = await runSchedule(
    {
      ...{ cluster, seed, clients: cuts ? pinned : free },
      ...(network === undefined ? {} : { network }),
    },
    steps,
  );
  return { steps, result, cluster };
}
