/** What `test/bench` has recorded, and what its guard, the quick run in `.ci/run`, makes of other results. */
import t from 'tap';
import { fallen, type NamedResult, ratioTable } from './bench/harness/report.ts';
import type { Ratio } from './bench/harness/scenario.ts';
import { textOf } from './support/source-tree.ts';

interface Recorded {
  readonly scenarios: readonly (NamedResult & { readonly rounds: number })[];
}

const { scenarios } = JSON.parse(textOf('test/bench/results/results.json')) as Recorded;
const readme = textOf('test/bench/README.md');

/** The recorded results, with all ratios worse so many times. */
function worse(times: number): NamedResult[] {
  return scenarios.map((scenario) => ({
    ...scenario,
    ratios: scenario.ratios.filter(isRatio).map((ratio) => ({
      ...ratio,
      value: ratio.reach?.kind === 'atMost' ? ratio.value * times : ratio.value / times,
    })),
  }));
}

/** The heap may be smaller after the load, and that is no ratio. */
function isRatio({ value }: Ratio): boolean {
  return value > 0;
}

t.test('the guard objects to a ratio that has fallen below half, and to no other', async (t) => {
  t.strictSame(fallen(scenarios), []);
  t.strictSame(fallen(worse(1 / 4)), [], 'better is well');
  t.strictSame(fallen(worse(1.9)), []);
  const ratios = scenarios.flatMap((scenario) => scenario.ratios).filter(isRatio);
  // The one case that decides the worst call is the machine's.
  const guarded = ratios.filter(({ id }) => id !== 'large-worst-call');
  const objections = fallen(worse(2.1));
  t.equal(objections.length, guarded.length);
  for (const [at, { row, what }] of guarded.entries()) {
    const objection = objections[at] ?? 'none';
    t.ok(objection.startsWith(`row ${row}, ${what}: `), objection);
  }
  t.strictSame(
    fallen([{ ...scenarios[0]!, ratios: [{ ...ratios[0]!, id: 'new', value: 0 }] }]),
    [],
  );
});

t.test('every row is recorded, of seven rounds at least', async (t) => {
  const rows = new Set(scenarios.flatMap(({ ratios }) => ratios.map(({ row }) => row)));
  t.strictSame(
    [...rows].sort((a, b) => a - b),
    Array.from({ length: 14 }, (_, at) => at + 1),
  );
  for (const { scenario, rounds } of scenarios) t.ok(rounds >= 7, `${scenario}: ${rounds}`);
});

t.test('the README of the benchmarks says what is recorded', async (t) => {
  for (const line of ratioTable(scenarios)) t.ok(readme.includes(`\n${line}\n`), line);
});
