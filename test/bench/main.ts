/**
 * `npm run bench`: measures the product beside what people would use instead.
 *
 * ```sh
 * npm run bench                             # everything, some 35 minutes, ten of them load for the memory
 * npm run bench -- --quick                  # under two minutes; fails where a recorded ratio has halved
 * npm run bench -- --only=calls,hello       # some scenarios
 * npm run bench -- --rounds=9 --ms=2000     # other rounds
 * npm run bench -- --soak=60                # seconds of load for the memory, default 600
 * npm run bench -- --record                 # keeps the results below test/bench/results and in the README
 * ```
 *
 * The quick run takes some rows and few short rounds, and leaves out the load for the memory.
 */
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { pinning } from './harness/cpus.ts';
import { prepare } from './harness/preparation.ts';
import { fallen, type NamedResult, ratioTable, record } from './harness/report.ts';
import type { RunSettings, Scenario } from './harness/scenario.ts';
import { broadcast } from './scenarios/broadcast.ts';
import { calls } from './scenarios/calls.ts';
import { codec } from './scenarios/codec.ts';
import { hello } from './scenarios/hello.ts';
import { increments } from './scenarios/increments.ts';
import { largeMessages } from './scenarios/large-messages.ts';
import { mesh } from './scenarios/mesh.ts';
import { processCosts } from './scenarios/process-costs.ts';

/** A median of fewer says too little. */
const RECORDED_ROUNDS = 7;

const SCENARIOS: readonly Scenario[] = [
  ...[hello, calls, increments, broadcast],
  ...[codec, processCosts, largeMessages, mesh],
];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    ms: { type: 'string' },
    soak: { type: 'string', default: '600' },
  },
});

const log = (line: string): void => console.log(line);
const { quick } = values;
const settings: RunSettings = {
  quick,
  rounds: Number(values.rounds ?? (quick ? 2 : RECORDED_ROUNDS)),
  measureMs: Number(values.ms ?? (quick ? 300 : 1500)),
  soakMs: Number(values.soak) * 1000,
  log,
};
if (values.record && settings.rounds < RECORDED_ROUNDS) {
  throw new Error(
    `expected at least ${RECORDED_ROUNDS} rounds for the record, got ${settings.rounds}`,
  );
}
const only = values.only?.split(',');
const wanted = SCENARIOS.filter(
  (scenario) => only?.includes(scenario.name) ?? (!quick || scenario.quick),
);
const unknown = only?.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name)) ?? [];
if (unknown.length > 0) {
  const names = SCENARIOS.map(({ name }) => name).join(', ');
  throw new Error(`expected scenarios among ${names}, got ${unknown.join(', ')}`);
}

// Whatever ends this process ends those it has started, see harness/child.ts: one listener for each.
process.setMaxListeners(0);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

prepare(log);
if (!pinning) log('no processors are assigned: taskset is missing, or there is only one');
const results: NamedResult[] = [];
for (const scenario of wanted) {
  log(`${scenario.title} (${results.length + 1} of ${wanted.length}: ${scenario.name})`);
  const result = await scenario.run(settings);
  for (const note of result.notes) log(`  ${note}`);
  results.push({ scenario: scenario.name, title: scenario.title, ...result });
}
for (const line of ratioTable(results)) log(line);
if (values.record) record(results, settings);
if (quick) {
  // A few short rounds may lie; what seems to have fallen is measured again, longer.
  const suspects = results.filter((result) => fallen([result]).length > 0);
  const worse: string[] = [];
  for (const { scenario: name, title } of suspects) {
    const scenario = SCENARIOS.find((each) => each.name === name)!;
    log(`${title}: once more, with more rounds`);
    const result = await scenario.run({ ...settings, rounds: 5, measureMs: 600 });
    worse.push(...fallen([{ scenario: name, title, ...result }]));
  }
  for (const line of worse) console.error(`fallen below half of what was recorded: ${line}`);
  if (worse.length > 0) process.exitCode = 1;
}
