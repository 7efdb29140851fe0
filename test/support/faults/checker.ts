/**
 * Compares what clients were told with what the counter holds in the end. Pure.
 *
 * - Every acknowledged increment counts, exactly once; an increment whose outcome is unknown to its
 *   client counts at most once. So the final value lies between the acknowledged increments and those
 *   with the unknown ones added, and is exact when there are none of these.
 * - All answers to one key are the same.
 * - Nobody is told more than has been asked for by then. While the cluster is in one piece nobody is
 *   told less than what was acknowledged before they asked, whoever owned the counter then and now.
 * - In an era, which is the reign of an owner, no two increments get the same value, and of two
 *   operations that do not overlap the later one gets the greater value.
 * - A node that is there answers, and never with a 5xx.
 */
import {
  type Attempt,
  acknowledgement,
  type Era,
  type History,
  mayHaveCounted,
  type Operation,
  overlap,
  type Period,
} from './history.ts';

/** One broken promise. */
export interface Finding {
  readonly type:
    | 'lost'
    | 'overcounted'
    | 'key_answered_differently'
    | 'too_high'
    | 'stale'
    | 'repeated'
    | 'went_back'
    | 'server_error'
    | 'no_answer'
    | 'unexpected_status';
  readonly message: string;
}

/** How many increments there were, by what their clients know of them. */
export interface Tally {
  readonly acknowledged: number;
  readonly unknown: number;
  readonly reads: number;
}

export function tally({ operations }: Pick<History, 'operations'>): Tally {
  let acknowledged = 0;
  let unknown = 0;
  let reads = 0;
  for (const operation of operations) {
    const answered = acknowledgement(operation) !== undefined;
    if (operation.type === 'read') reads += answered ? 1 : 0;
    else if (answered) acknowledged += 1;
    else if (mayHaveCounted(operation)) unknown += 1;
  }
  return { acknowledged, unknown, reads };
}

/** Everything that should not have happened; none when all promises were kept. */
export function check(history: History): readonly Finding[] {
  return [
    ...checkSum(history),
    ...checkKeys(history),
    ...checkBounds(history),
    ...history.eras.flatMap((era) => checkOrder(era, history)),
    ...checkAttempts(history),
  ];
}

/** So many findings of each kind are worth reading. */
const WORTH_READING = 5;

/** The findings in a few lines: how many there are of each kind, and what the first of them say. */
export function summary(findings: readonly Finding[]): readonly string[] {
  const byType = new Map<string, Finding[]>();
  for (const finding of findings) {
    byType.set(finding.type, [...(byType.get(finding.type) ?? []), finding]);
  }
  return [...byType].flatMap(([type, ofType]) => [
    `${ofType.length} x ${type}`,
    ...ofType.slice(0, WORTH_READING).map(({ message }) => `${type}: ${message}`),
  ]);
}

function checkSum(history: History): Finding[] {
  const { acknowledged, unknown } = tally(history);
  const counted = history.final - history.initial;
  const known = `${acknowledged} increments were acknowledged and ${unknown} are unknown`;
  if (counted < acknowledged) {
    return [{ type: 'lost', message: `${known}, but only ${counted} were counted` }];
  }
  if (counted > acknowledged + unknown) {
    return [{ type: 'overcounted', message: `${known}, but ${counted} were counted` }];
  }
  return [];
}

function checkKeys({ operations }: History): Finding[] {
  return operations.flatMap((operation): Finding[] => {
    if (operation.key === undefined) return [];
    const counts = new Set(operation.attempts.flatMap(countsOf));
    if (counts.size < 2) return [];
    return [{ type: 'key_answered_differently', message: describe(operation) }];
  });
}

function countsOf({ outcome }: Attempt): number[] {
  if (outcome.type !== 'answered' || outcome.status !== 200) return [];
  return outcome.count === undefined ? [] : [outcome.count];
}

function checkBounds({ operations, initial, splits }: History): Finding[] {
  const increments = operations.filter(({ type }) => type === 'increment');
  const asked = sorted(increments.map(({ attempts }) => attempts[0]?.fromMs ?? Infinity));
  const acknowledged = sorted(increments.map((o) => acknowledgement(o)?.endMs ?? Infinity));
  return operations.flatMap((operation): Finding[] => {
    const answer = acknowledgement(operation);
    if (answer === undefined) return [];
    const { fromMs } = spanOf(operation);
    const most = initial + countUpTo(asked, answer.endMs);
    if (answer.count > most) {
      return [{ type: 'too_high', message: `at most ${most}: ${describe(operation)}` }];
    }
    if (splits.some((split) => overlap(split, { fromMs, toMs: answer.endMs }))) return [];
    const own = operation.type === 'increment' ? 1 : 0;
    const least = initial + countBefore(acknowledged, fromMs) + own;
    if (answer.count >= least) return [];
    return [{ type: 'stale', message: `at least ${least}: ${describe(operation)}` }];
  });
}

function checkOrder(era: Era, { operations }: History): Finding[] {
  const inside = operations.flatMap((operation) => {
    const answer = acknowledgement(operation);
    return answer !== undefined && belongs(operation, era)
      ? [{ operation, ...answer, fromMs: spanOf(operation).fromMs }]
      : [];
  });
  const findings: Finding[] = [];
  const given = new Map<number, Operation>();
  for (const { operation, count } of inside) {
    if (operation.type === 'read') continue;
    const other = given.get(count);
    if (other !== undefined) {
      const message = `in ${era.name}: ${describe(other)}, and ${describe(operation)}`;
      findings.push({ type: 'repeated', message });
    }
    given.set(count, operation);
  }
  const byEnd = [...inside].sort((a, b) => a.endMs - b.endMs);
  let next = 0;
  let highest: (typeof inside)[number] | undefined;
  for (const later of [...inside].sort((a, b) => a.fromMs - b.fromMs)) {
    for (; byEnd[next] !== undefined && byEnd[next]!.endMs < later.fromMs; next += 1) {
      if (highest === undefined || byEnd[next]!.count > highest.count) highest = byEnd[next];
    }
    if (highest === undefined) continue;
    const own = later.operation.type === 'increment' ? 1 : 0;
    if (later.count >= highest.count + own) continue;
    const message = `in ${era.name}: ${describe(highest.operation)}, then ${describe(later.operation)}`;
    findings.push({ type: 'went_back', message });
  }
  return findings;
}

function belongs(operation: Operation, era: Era): boolean {
  return operation.attempts.every(
    ({ fromMs, toMs, node }) =>
      fromMs >= era.fromMs && toMs <= era.toMs && (era.nodes?.includes(node) ?? true),
  );
}

/** A request that has left its client so shortly before a SIGTERM may have met a closing connection. */
const CLOSING_MS = 50;

function checkAttempts({ operations, absences, excused }: History): Finding[] {
  const owes = (attempt: Attempt): boolean =>
    !absences.some(
      (absence) =>
        absence.node === attempt.node &&
        overlap(absence, attempt) &&
        !(absence.type === 'stopping' && sentBefore(attempt, absence.fromMs - CLOSING_MS)),
    );
  return operations.flatMap((operation) =>
    operation.attempts.flatMap((attempt): Finding[] => {
      const { outcome } = attempt;
      const fine = outcome.type === 'answered' && outcome.status === 200;
      if (fine && outcome.count !== undefined) return [];
      const message = describe({ ...operation, attempts: [attempt] });
      if (outcome.type === 'answered' && outcome.status < 500) {
        return [{ type: 'unexpected_status', message }];
      }
      if (!owes(attempt) || excused.some((period) => overlap(period, attempt))) return [];
      return [{ type: outcome.type === 'answered' ? 'server_error' : 'no_answer', message }];
    }),
  );
}

function sentBefore({ sentMs }: Attempt, ms: number): boolean {
  return sentMs !== undefined && sentMs < ms;
}

function spanOf({ attempts }: Operation): Period {
  return { fromMs: attempts[0]?.fromMs ?? 0, toMs: attempts.at(-1)?.toMs ?? 0 };
}

function sorted(times: readonly number[]): Float64Array {
  return Float64Array.from(times).sort();
}

/** How many of the sorted times are at most `limit`. */
function countUpTo(times: Float64Array, limit: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of the sorted times are below `limit`. */
function countBefore(times: Float64Array, limit: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function describe({ client, type, key, attempts }: Operation): string {
  const tries = attempts.map(({ node, fromMs, toMs, outcome }) => {
    const told =
      outcome.type === 'answered'
        ? `${outcome.status} ${outcome.count ?? ''}`.trim()
        : `${outcome.type} (${outcome.code})`;
    return `${clock(fromMs)}+${(toMs - fromMs).toFixed(1)} ms ${node}: ${told}`;
  });
  const keyed = key === undefined ? '' : ` with key ${key}`;
  return `${type} of ${client}${keyed} [${tries.join('; ')}]`;
}

/** A time as the logs have it. */
export function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}
