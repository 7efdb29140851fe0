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
import { summary } from './checker.ts';
import { skipWithoutNamespaces } from './hosts.ts';
import { playSeed } from './random-schedule.ts';
import { seedOf } from './run-schedule.ts';
import { describeStep } from './schedule.ts';

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
      const { steps, result, cluster } = await playSeed(teardowns, {
        ...{ seed, steps: STEPS, least: 2, spread: 4, clients: 2 },
        cuts: !noCuts && seed % 3 === 0,
      });
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
        print(cluster.logs());
        for (const step of steps) print(`  ${describeStep(step)}`);
        for (const line of summary(findings)) print(`  ${line}`);
        for (const stop of stops) print(`  not in good order: ${JSON.stringify(stop)}`);
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
