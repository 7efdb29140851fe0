/**
 * Schedules of faults one after the other, for as long as one likes:
 *
 *     npm run soak -- --seed 1 --minutes 30
 *
 * Both options may be left out: a seed is drawn, and it runs for 10 minutes. Every schedule has a cluster
 * of its own, and a seed of its own that is printed: `--seed N --minutes 0` runs that one alone. Where
 * network namespaces are permitted, every third one cuts the network. Ends with 1 at the first broken promise.
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../seeded-random.ts';
import { FaultCluster } from './cluster.ts';
import { HostNetwork, skipWithoutNamespaces } from './hosts.ts';
import type { ClientOptions } from './load.ts';
import { CLIENTS, type Result, runSchedule, seedOf } from './run-schedule.ts';
import { describeStep, generateSchedule, type Step } from './schedule.ts';

const STEPS = 12;

/** Ends what a schedule has started, last first, as a test does. */
class Teardowns {
  readonly #functions: (() => unknown)[] = [];

  teardown(fn: () => unknown): void {
    this.#functions.push(fn);
  }

  async run(): Promise<void> {
    for (const fn of this.#functions.splice(0).reverse()) await fn();
  }
}

interface Soaked {
  readonly steps: readonly Step[];
  readonly result: Result;
  readonly cluster: FaultCluster;
}

async function soak(seed: number, withCuts: boolean, teardowns: Teardowns): Promise<Soaked> {
  const random = seededRandom(seed);
  const size = 2 + random.below(4);
  const cuts = withCuts && seed % 3 === 0;
  const steps = generateSchedule(random, {
    ...{ size, steps: STEPS },
    types: [
      ...(['kill', 'kill', 'stop', 'freeze', 'kill_during_stop'] as const),
      ...(cuts ? (['cut', 'cut', 'cut'] as const) : []),
    ],
  });
  const network = cuts ? await HostNetwork.create(teardowns, size) : undefined;
  const cluster = await FaultCluster.start(teardowns, {
    size,
    ...(network === undefined
      ? {}
      : { placements: network.placements, env: { NET_TICKTIME: '3' } }),
  });
  const pinned = cluster.members.flatMap(({ name }): ClientOptions[] =>
    (['keyed', 'plain', 'reader'] as const).map((type) => ({ type, pinnedTo: name })),
  );
  const result = await runSchedule(
    {
      ...{ cluster, seed, clients: cuts ? pinned : [...CLIENTS, ...CLIENTS] },
      ...(network === undefined ? {} : { network }),
    },
    steps,
  );
  return { steps, result, cluster };
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, minutes: { type: 'string', default: '10' } },
  });
  const noCuts = await skipWithoutNamespaces();
  if (noCuts) print(noCuts);
  const deadline = Date.now() + Number(values.minutes) * 60_000;
  let seed = seedOf(values.seed);
  let acknowledged = 0;
  do {
    const teardowns = new Teardowns();
    try {
      const { steps, result, cluster } = await soak(seed, !noCuts, teardowns);
      acknowledged += result.acknowledged;
      const { findings, unknown, reads } = result;
      const stops = cluster.stops.filter(
        ({ exit, durationMs }) => exit !== 0 || durationMs > 10_000,
      );
      print(
        `seed ${seed}: ${cluster.members.length} nodes, ${steps.length} faults, ` +
          `${result.acknowledged} acknowledged, ${unknown} unknown, ${reads} read`,
      );
      if (findings.length + stops.length > 0) {
        for (const step of steps) print(`  ${describeStep(step)}`);
        for (const { type, message } of findings.slice(0, 20)) print(`  ${type}: ${message}`);
        for (const stop of stops) print(`  not in good order: ${JSON.stringify(stop)}`);
        print(cluster.logs());
        return 1;
      }
    } finally {
      await teardowns.run();
    }
    seed += 1;
  } while (Date.now() < deadline);
  print(`every promise was kept: ${acknowledged} increments`);
  return 0;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exitCode = await main();
