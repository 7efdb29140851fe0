/** Terms to bytes and back, beside JSON with equal data and erlpack. */
import type { Figure, Ratio, RunSettings, Scenario, ScenarioResult } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';
import { Worker } from '../harness/worker.ts';

export const codec: Scenario = {
  name: 'codec',
  rows: [10],
  title: 'Terms to bytes and back',
  quick: true,
  run,
};

const WAYS = ['ours', 'json', 'erlpack'] as const;
const WHAT = ['call', 'reply', 'map'] as const;
const SIDES = ['encode', 'decode', 'both'] as const;

type Rates = Readonly<Record<(typeof SIDES)[number], number>>;

async function run(settings: RunSettings): Promise<ScenarioResult> {
  const { rounds, measureMs, log } = settings;
  const workers = new Map<string, Worker>();
  const notes: string[] = [];
  const sizes: string[] = [];
  try {
    for (const what of WHAT) {
      for (const way of WAYS) {
        const worker = await Worker.start('workers/codec', { part: 'server', args: [way, what] });
        const bytes = await worker.ask<number | null>('bytes');
        if (bytes === null) {
          await worker.stop();
          continue;
        }
        workers.set(`${what}, ${way}`, worker);
        sizes.push(`${what}, ${way}: ${bytes}`);
      }
    }
    if (!workers.has('call, erlpack'))
      notes.push('erlpack was left out: it is not installed, or did not build');
    notes.push(`bytes: ${sizes.join('; ')}`);

    const values = new Map<string, number[]>();
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, worker] of workers) {
        const rates = await worker.ask<Rates>('both', measureMs / 2);
        if (round === 0) continue;
        for (const side of SIDES) {
          const key = `${name}, ${side}`;
          values.set(key, [...(values.get(key) ?? []), rates[side]]);
        }
      }
      log(`  ${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}`);
    }
    const figures = [...values].map(
      ([name, all]): Figure => ({ name, unit: '1/s', rounds: all, median: median(all) }),
    );
    return { figures, ratios: ratiosOf(values), notes };
  } finally {
    for (const worker of workers.values()) await worker.stop();
  }
}

function ratiosOf(values: ReadonlyMap<string, readonly number[]>): Ratio[] {
  const ratios: Ratio[] = [];
  for (const what of WHAT) {
    for (const side of SIDES) {
      for (const way of ['json', 'erlpack'] as const) {
        const [ours, theirs] = [
          values.get(`${what}, ours, ${side}`),
          values.get(`${what}, ${way}, ${side}`),
        ];
        if (ours === undefined || theirs === undefined) continue;
        // What has to reach anything is a small message, there and back.
        const isGoal = way === 'json' && side === 'both' && what !== 'map';
        ratios.push({
          ...{
            id: `codec-${what}-${way}-${side}`,
            row: 10,
            what: `${what}, ${side}: ours : ${way}`,
          },
          value: median(ours.map((value, at) => value / (theirs[at] ?? Number.NaN))),
          ...(isGoal ? { reach: { kind: 'atLeast', limit: 1 } as const } : {}),
        });
      }
    }
  }
  return ratios;
}
