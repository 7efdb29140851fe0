/**
 * `npm run bench`: measures the product beside what people would use instead.
 *
 * ```sh
 * npm run bench                            # everything, for the record: some 40 minutes
 * npm run bench -- --quick                 # under two minutes; fails where a ratio halves
 * npm run bench -- --only=calls,http       # some scenarios
 * npm run bench -- --rounds=9 --ms=2000    # other rounds
 * ```
 */
import { parseArgs } from 'node:util';
import { pinning } from './harness/cpus.ts';
import { prepare } from './harness/preparation.ts';
import type { RunSettings, ScenarioResult } from './harness/scenario.ts';
import { calls } from './scenarios/calls.ts';
import { hello } from './scenarios/hello.ts';

const SCENARIOS = [hello, calls];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    ms: { type: 'string' },
  },
});

const log = (line: string): void => console.log(line);
const quick = values.quick;
const settings: RunSettings = {
  quick,
  rounds: Number(values.rounds ?? (quick ? 3 : 7)),
  measureMs: Number(values.ms ?? (quick ? 400 : 1500)),
  soakMs: 0,
  log,
};
const wanted = values.only?.split(',');
prepare(log);
if (!pinning) log('no processors are assigned: taskset is missing, or there is only one');
const results: ScenarioResult[] = [];
for (const scenario of SCENARIOS) {
  if (wanted !== undefined && !wanted.includes(scenario.name)) continue;
  log(`${scenario.title} (rows ${scenario.rows.join(', ')})`);
  const result = await scenario.run(settings);
  results.push(result);
  for (const { row, what, value, reach } of result.ratios) {
    const wish = reach === undefined ? '' : ` (${reach.kind} ${reach.limit})`;
    log(`  row ${row}: ${what} = ${value.toFixed(2)}${wish}`);
  }
}
