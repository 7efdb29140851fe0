/**
 * What the clients of a cluster did and were told: the material of the checker.
 *
 * All times are milliseconds since 1970 with a fraction, taken from a clock that never goes back.
 */

/** Milliseconds since 1970, monotonic within this process. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** From, up to and including. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What became of one request. */
export type Outcome =
  | { readonly type: 'answered'; readonly status: number; readonly count: number | undefined }
  /** no connection was made, so the node never heard of it */
  | { readonly type: 'refused'; readonly code: string }
  /** the connection ended, or the client's patience did, before an answer: it may have counted */
  | { readonly type: 'lost'; readonly code: string };

/** One request. */
export interface Attempt extends Period {
  /** the node that was asked */
  readonly node: string;
  /** when the request had left the client, if it has: a busy one takes a while for a new connection */
  readonly sentMs: number | undefined;
  readonly outcome: Outcome;
}

/**
 * What a client wanted once. With a key it is asked again until it is answered, and sometimes once
 * more afterwards; without one there is a single attempt.
 */
export interface Operation {
  readonly client: string;
  readonly type: 'increment' | 'read';
  readonly key: string | undefined;
  readonly attempts: readonly Attempt[];
}

/** A time in which clients cannot expect much of a node. */
export interface Absence extends Period {
  readonly node: string;
  /** `stopping` begins with the SIGTERM: what came before that is still owed a good answer */
  readonly type: 'killed' | 'stopping' | 'frozen';
}

/**
 * A time in which all answers of the given nodes come from one order of increments: an owner's
 * reign, or the whole run if nothing ever reorders.
 */
export interface Era extends Period {
  readonly name: string;
  /** default: all nodes */
  readonly nodes?: readonly string[];
}

/** Everything about one run. */
export interface History {
  readonly operations: readonly Operation[];
  /** the count before the first and after the last operation */
  readonly initial: number;
  readonly final: number;
  readonly absences: readonly Absence[];
  /** from the cut until all nodes see each other again: the sides know nothing of each other */
  readonly splits: readonly Period[];
  /** periods in which a 5xx is no fault, such as the time until a silent death is noticed */
  readonly excused: readonly Period[];
  readonly eras: readonly Era[];
}

/** The answer that a client may rely on: that of the first attempt that was answered with 200. */
export function acknowledgement(
  operation: Operation,
): { readonly count: number; readonly endMs: number } | undefined {
  for (const { outcome, toMs } of operation.attempts) {
    if (outcome.type === 'answered' && outcome.status === 200 && outcome.count !== undefined) {
      return { count: outcome.count, endMs: toMs };
    }
  }
  return undefined;
}

/** Whether an increment that was not acknowledged may have been counted all the same. */
export function mayHaveCounted({ attempts }: Operation): boolean {
  return attempts.some(
    ({ outcome }) =>
      outcome.type === 'lost' || (outcome.type === 'answered' && outcome.status >= 500),
  );
}

export function overlap(a: Period, b: Period): boolean {
  return a.fromMs <= b.toMs && b.fromMs <= a.toMs;
}
