/** What a rehearsal found out, as a table. Pure. */
import type { Finding } from '../faults/checker.ts';
import type { Operation } from '../faults/history.ts';

/** What the clients of a step did. */
export interface LoadFigures {
  readonly requests: number;
  /** acknowledged, each once */
  readonly increments: number;
  /** requests that were sent again, with the key of the first attempt */
  readonly retries: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

/** One step of the story. */
export interface StepResult {
  readonly title: string;
  readonly durationMs: number;
  /** how many there were at its end */
  readonly instances?: number;
  readonly load?: LoadFigures;
  /** the counter at its end, when all instances agree on it */
  readonly count?: number;
  /** one sentence each; none when all was as promised */
  readonly problems: readonly string[];
}

export function loadFigures(operations: readonly Operation[]): LoadFigures {
  const attempts = operations.flatMap((operation) => operation.attempts);
  const durations = attempts.map(({ fromMs, toMs }) => toMs - fromMs).sort((a, b) => a - b);
  const acknowledged = operations.filter(
    ({ type, attempts: own }) =>
      type === 'increment' &&
      own.some(({ outcome }) => outcome.type === 'answered' && outcome.status === 200),
  );
  return {
    requests: attempts.length,
    increments: acknowledged.length,
    retries: operations.reduce((sum, { attempts: own }) => sum + failuresBeforeAnswer(own), 0),
    p99Ms: durations[Math.ceil(durations.length * 0.99) - 1] ?? 0,
    slowestMs: durations.at(-1) ?? 0,
  };
}

function failuresBeforeAnswer(attempts: Operation['attempts']): number {
  return attempts.filter(({ outcome }) => outcome.type !== 'answered' || outcome.status >= 500)
    .length;
}

/** Answers that no client should ever get from an instance that is up, one sentence for each status. */
export function serverErrorProblems(operations: readonly Operation[]): readonly string[] {
  const byStatus = new Map<number, number>();
  for (const { attempts } of operations) {
    for (const { outcome } of attempts) {
      if (outcome.type !== 'answered' || outcome.status < 500) continue;
      byStatus.set(outcome.status, (byStatus.get(outcome.status) ?? 0) + 1);
    }
  }
  return [...byStatus].map(([status, times]) => `clients were answered ${status}, ${times} times`);
}

/** Broken promises as sentences: the first of each kind, and how many there are. */
export function findingProblems(findings: readonly Finding[]): readonly string[] {
  const byType = new Map<string, Finding[]>();
  for (const finding of findings) {
    byType.set(finding.type, [...(byType.get(finding.type) ?? []), finding]);
  }
  return [...byType].map(([type, all]) => `${all.length} x ${type}, first: ${all[0]?.message}`);
}

const COLUMNS = [
  ...['step', 'result', 'took', 'instances', 'requests', 'increments', 'retried'],
  ...['p99', 'slowest', 'count'],
] as const;

/** The table, a line for each step, and below it what was wrong. */
export function table(results: readonly StepResult[]): string {
  const rows = [COLUMNS, ...results.map(rowOf)];
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const problems = results.flatMap(({ title, problems: all }) =>
    all.map((problem) => `  ${title}: ${problem}`),
  );
  return [...lines, ...(problems.length === 0 ? [] : ['', 'not as promised:', ...problems])].join(
    '\n',
  );
}

function rowOf({ title, problems, durationMs, instances, load, count }: StepResult): string[] {
  return [
    title,
    problems.length === 0 ? 'ok' : 'FAILED',
    `${(durationMs / 1000).toFixed(1)} s`,
    String(instances ?? ''),
    ...[load?.requests, load?.increments, load?.retries].map((figure) => String(figure ?? '')),
    load === undefined ? '' : `${load.p99Ms.toFixed(0)} ms`,
    load === undefined ? '' : `${load.slowestMs.toFixed(0)} ms`,
    String(count ?? ''),
  ];
}
