/** Results as a table, as JSON, as plots, and as the part of the README that is made of them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Machine, machine } from './machine.ts';
import type { Figure, Point, Ratio, RunSettings, ScenarioResult } from './scenario.ts';
import { BUILT } from './worker.ts';

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));
const RECORD = `${RESULTS}results.json`;
const README = fileURLToPath(new URL('../README.md', import.meta.url));

export interface NamedResult extends ScenarioResult {
  readonly scenario: string;
  readonly title: string;
}

/** Scenarios are recorded together or one by one. */
interface RecordedResult extends NamedResult {
  readonly date: string;
  readonly rounds: number;
  readonly measureMs: number;
  /** see {@link Machine} */
  readonly load: number;
}

interface Recorded {
  readonly machine: Omit<Machine, 'load'>;
  readonly scenarios: readonly RecordedResult[];
}

/** The table of ratios, as lines. */
export function ratioTable(results: readonly NamedResult[]): string[] {
  const ratios = results.flatMap((result) => result.ratios);
  const rows = [...ratios].sort((a, b) => a.row - b.row).map(ratioRow);
  return [
    '| row | ratio | measured | to reach | reached |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ];
}

function ratioRow({ row, what, value, reach }: Ratio): string[] {
  const shown = value >= 10 ? value.toFixed(0) : value.toFixed(2);
  if (reach === undefined) return [String(row), what, shown, '', ''];
  const sign = reach.kind === 'atLeast' ? '≥' : '≤';
  return [
    String(row),
    what,
    shown,
    `${sign} ${reach.limit}`,
    isReached(value, reach) ? 'yes' : 'no',
  ];
}

function isReached(value: number, { kind, limit }: NonNullable<Ratio['reach']>): boolean {
  return kind === 'atLeast' ? value >= limit : value <= limit;
}

/** Keeps the results: JSON, plots, README. Scenarios that were not run keep what was recorded of them. */
export function record(results: readonly NamedResult[], settings: RunSettings): void {
  mkdirSync(RESULTS, { recursive: true });
  const kept = recorded()?.scenarios ?? [];
  const isNew = (name: string): boolean => results.some(({ scenario }) => scenario === name);
  const { load, ...on } = machine();
  const { rounds, measureMs } = settings;
  const date = new Date().toISOString().slice(0, 10);
  const added = results.map((result) => ({ ...result, date, rounds, measureMs, load }));
  const all: Recorded = {
    machine: on,
    scenarios: [...kept.filter(({ scenario }) => !isNew(scenario)), ...added],
  };
  writeFileSync(RECORD, `${JSON.stringify(all, null, 1)}\n`);
  draw(results);
  writeReadme(all);
}

function recorded(): Recorded | undefined {
  try {
    return JSON.parse(readFileSync(RECORD, 'utf8')) as Recorded;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Compares with the recorded ratios.
 *
 * @returns the ratios that have become worse by more than half, in words
 */
export function fallen(results: readonly NamedResult[]): string[] {
  const before = recorded()?.scenarios.flatMap(({ ratios }) => ratios) ?? [];
  const known = new Map(before.map((ratio) => [ratio.id, ratio]));
  return results.flatMap(({ ratios }) =>
    ratios.flatMap((ratio) => {
      const old = known.get(ratio.id)?.value;
      if (old === undefined) return [];
      const isWorse =
        ratio.reach?.kind === 'atMost' ? ratio.value > old * 2 : ratio.value < old / 2;
      // Milliseconds of one worst case say nothing on a machine with other work.
      if (!isWorse || ratio.id === 'large-worst-call') return [];
      return [
        `row ${ratio.row}, ${ratio.what}: ${ratio.value.toFixed(2)}, recorded ${old.toFixed(2)}`,
      ];
    }),
  );
}

function draw(results: readonly NamedResult[]): void {
  const drawings = results.flatMap(({ scenario, title, figures, plots = [] }) => [
    ...barsOf(scenario, title, figures, plots.length > 0),
    ...plots.map((plot) => ({ ...plot, kind: 'lines' })),
  ]);
  execFileSync(process.execPath, [`${BUILT}drawing/plots.js`, RESULTS], {
    input: JSON.stringify(drawings),
    stdio: ['pipe', 'inherit', 'inherit'],
  });
}

/** One picture for each unit; what has a plot of its own needs no bars. */
function barsOf(scenario: string, title: string, figures: readonly Figure[], hasPlots: boolean) {
  if (scenario === 'mesh' && hasPlots) return [];
  const units = [...new Set(figures.map(({ unit }) => unit))];
  return units.map((unit, at) => ({
    ...{ name: at === 0 ? scenario : `${scenario}-${at + 1}`, title, kind: 'bars', x: '', y: unit },
    points: figures
      .filter((figure) => figure.unit === unit)
      .map(({ name, median }): Point => ({ series: name, x: 0, y: median })),
  }));
}

const BEGIN = '<!-- results: written by `npm run bench -- --record` -->';
const END = '<!-- end of results -->';

function writeReadme({ machine: on, scenarios }: Recorded): void {
  const text = readFileSync(README, 'utf8');
  const [before, rest = ''] = text.split(BEGIN);
  const after = rest.split(END)[1] ?? '';
  const versions = Object.entries(on.versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `On ${on.processors}, ${on.memoryMb} MB, ${on.system}; ${versions.join(', ')}.`,
    '',
    ...ratioTable(scenarios),
    ...scenarios.flatMap(figuresOf),
  ];
  writeFileSync(README, `${before}${BEGIN}\n\n${lines.join('\n')}\n\n${END}${after}`);
}

function figuresOf(result: RecordedResult): string[] {
  const { title, scenario, figures, notes, date, rounds, measureMs, load } = result;
  return [
    '',
    `### ${title}`,
    '',
    '| what | median | lowest | highest | unit |',
    '| --- | --- | --- | --- | --- |',
    ...figures.map(({ name, median, rounds, unit }) => {
      const values = [median, Math.min(...rounds), Math.max(...rounds)].map(shown);
      return `| ${[name, ...values, unit].join(' | ')} |`;
    }),
    '',
    ...notes.map((note) => `- ${note}`),
    `- recorded on ${date}, ${rounds} rounds of ${measureMs} ms each where time ends a round; load at the end: ${load}`,
    `- [plots](results/) \`${scenario}*.svg\``,
  ];
}

function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}
