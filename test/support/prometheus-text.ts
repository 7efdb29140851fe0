/**
 * Reads the text format of Prometheus, strictly: what a scraper may reject, and what its linter objects to,
 * is an error here.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/practices/naming/
 */

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly series: Series[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*="((?:[^"\\\n]|\\[\\"n])*)"/;
const VALUE = /^(?:[+-]?Inf|NaN|Nan|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;

/** @throws {Error} naming the line that breaks a rule of the format */
export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('expected the last line to end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current: Family | undefined;
  let help: { readonly name: string; readonly text: string } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const fail = (what: string): never => {
      throw new Error(`${what}: ${line}`);
    };
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = '', rest = ''] = comment;
      if (!NAME.test(name)) fail('expected a name');
      if (families.has(name)) fail('expected one HELP and one TYPE for each name');
      if (kind === 'HELP') {
        help = { name, text: rest };
        current = undefined;
        continue;
      }
      if (help?.name !== name) fail('expected HELP before TYPE');
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) fail('unknown type');
      current = { name, help: help?.text ?? '', type: rest, series: [] };
      families.set(name, current);
      continue;
    }
    if (line.startsWith('#')) fail('unknown comment');
    const series = parseSeries(line, fail);
    const family = current ?? fail('expected TYPE before a series');
    const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    if (!suffixes.some((suffix) => series.name === family.name + suffix)) fail('another family');
    const key = `${series.name} ${JSON.stringify(Object.entries(series.labels).sort())}`;
    if (seen.has(key)) fail('the same series twice');
    seen.add(key);
    family.series.push(series);
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function parseSeries(line: string, fail: (what: string) => never): Series {
  const [, name = '', rest = ''] = /^([^\s{]+)(.*)$/.exec(line) ?? [];
  if (!NAME.test(name)) fail('expected a name');
  const labels: Record<string, string> = {};
  let tail = rest;
  if (tail.startsWith('{')) {
    tail = tail.slice(1);
    while (!tail.startsWith('}')) {
      const [whole, value = ''] = LABEL.exec(tail) ?? fail('expected a label');
      const label = whole.slice(0, whole.indexOf('='));
      if (Object.hasOwn(labels, label)) fail('the same label twice');
      labels[label] = value.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
      tail = tail.slice(whole.length);
      if (tail.startsWith(',')) tail = tail.slice(1);
      else if (!tail.startsWith('}')) fail('expected , or }');
    }
    tail = tail.slice(1);
  }
  const value = tail.startsWith(' ') ? tail.slice(1) : fail('expected a value');
  if (!VALUE.test(value)) fail('expected a number');
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function checkFamily({ name, type, series }: Family): void {
  if (type !== 'histogram') {
    for (const { value } of series) {
      if (type === 'counter' && !(value >= 0)) throw new Error(`${name} counts ${value}`);
    }
    return;
  }
  const groups = new Map<string, Series[]>();
  for (const one of series) {
    const { le: _le, ...others } = one.labels;
    const key = JSON.stringify(Object.entries(others).sort());
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  for (const group of groups.values()) checkHistogram(name, group);
}

function checkHistogram(name: string, group: readonly Series[]): void {
  const buckets = group.filter((one) => one.name === `${name}_bucket`);
  const bounds = buckets.map(({ labels }) => Number(labels.le?.replace('Inf', 'Infinity')));
  const counts = buckets.map(({ value }) => value);
  const isSorted = (values: readonly number[]) =>
    values.every((value, at) => at === 0 || value >= values[at - 1]!);
  if (!isSorted(bounds) || new Set(bounds).size !== bounds.length || bounds.some(Number.isNaN)) {
    throw new Error(`${name}: bounds do not rise: ${bounds}`);
  }
  if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name} has no +Inf`);
  if (!isSorted(counts)) throw new Error(`${name}: buckets do not add up: ${counts}`);
  const count = group.find((one) => one.name === `${name}_count`)?.value;
  if (count !== counts.at(-1)) throw new Error(`${name}_count is not the last bucket`);
  if (!group.some((one) => one.name === `${name}_sum`)) throw new Error(`${name} has no sum`);
}

const NO_BASE_UNITS =
  /_(ms|milliseconds?|microseconds?|us|ns|minutes?|hours?|days?|kb|kilobytes?|mb|megabytes?|bits?|percent|celsius)(_|$)/;

/** What `promtool check metrics` objects to. */
export function lintMetrics(families: ReadonlyMap<string, Family>): string[] {
  const problems: string[] = [];
  for (const { name, type, help, series } of families.values()) {
    const object = (what: string) => problems.push(`${name}: ${what}`);
    if (help.trim() === '') object('no help text');
    if (/[A-Z]/.test(name)) object('not snake_case');
    if (/(^|_)(counter|gauge|histogram|summary)(_|$)/.test(name)) object('the type is in the name');
    if (NO_BASE_UNITS.test(name)) object('not the base unit');
    if ((type === 'counter') !== name.endsWith('_total')) object('_total is for counters');
    if (type !== 'histogram' && /_(count|sum|bucket)$/.test(name)) object('reserved suffix');
    if (type === 'histogram' && !/_(seconds|bytes)$/.test(name)) object('no unit');
    for (const { labels } of series) {
      for (const label of Object.keys(labels)) {
        if (/[A-Z]/.test(label)) object(`label ${label} is not snake_case`);
        if (label === 'quantile' && type !== 'summary') object('quantile is for summaries');
        if (label === 'le' && type !== 'histogram') object('le is for histograms');
        // Of the series that carry facts in their labels some are named for one of them.
        const inName = name.includes(`_${label}_`) && !name.endsWith('_info');
        if (inName && label !== 'le') object(`label ${label} is in the name`);
      }
    }
  }
  return [...new Set(problems)];
}

/** The value of one series, or `undefined` if there is none. */
export function seriesValue(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  return family?.series.find(
    (one) =>
      one.name === name &&
      Object.keys(one.labels).length === Object.keys(labels).length &&
      Object.entries(labels).every(([label, value]) => one.labels[label] === value),
  )?.value;
}
