/** How a supervisor starts, restarts and stops one child; defaults as in OTP. */
import type { Child } from './child.ts';

/**
 * - `permanent`: always restarted (the default)
 * - `transient`: restarted unless it ended with `normal` or `shutdown`
 * - `temporary`: never restarted, and forgotten when it ends
 */
export type Restart = 'permanent' | 'transient' | 'temporary';

/**
 * - a number: `shutdown()`, and `kill()` if the child has not ended after that many milliseconds
 * - `infinity`: `shutdown()`, then wait without limit
 * - `brutal_kill`: `kill()` straight away
 */
export type Shutdown = 'brutal_kill' | 'infinity' | number;

/** What a child is, for counts and time-outs: a supervisor is given all the time it needs. */
export type ChildType = 'worker' | 'supervisor';

/** What a start answers: the running child, or `ignore` if there is nothing to run here. */
export type StartAnswer = Child | 'ignore';

export interface ChildSpec {
  /** unique among the children of one supervisor */
  readonly id: string;
  /** Starts a new incarnation. It must have released everything when it throws or rejects. */
  readonly start: () => StartAnswer | Promise<StartAnswer>;
  /** default `permanent` */
  readonly restart?: Restart;
  /** default 5000 for a worker, `infinity` for a supervisor, so that its subtree has time to stop */
  readonly shutdown?: Shutdown;
  /** default `worker` */
  readonly type?: ChildType;
}

/** A spec with every default filled in. */
export type CompleteChildSpec = Required<ChildSpec>;

/** How long a worker may take to shut down when its spec does not say. */
export const DEFAULT_SHUTDOWN_MS = 5000;

/** The longest delay that `setTimeout` keeps; it takes anything beyond for 1 ms. */
const MAX_DELAY_MS = 2 ** 31 - 1;

const RESTARTS: readonly unknown[] = ['permanent', 'transient', 'temporary'];
const TYPES: readonly unknown[] = ['worker', 'supervisor'];

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} that names the child, the field, what was expected and what came
 */
export function completeChildSpec(spec: ChildSpec): CompleteChildSpec {
  const { id, start, restart = 'permanent', type = 'worker' } = spec;
  const { shutdown = type === 'supervisor' ? 'infinity' : DEFAULT_SHUTDOWN_MS } = spec;
  if (typeof id !== 'string' || id === '') {
    throw new TypeError(`child spec: id must be a non-empty string, got ${show(id)}`);
  }
  const check = (valid: boolean, field: string, expected: string, value: unknown) => {
    if (valid) return;
    throw new TypeError(`child spec "${id}": ${field} must be ${expected}, got ${show(value)}`);
  };
  check(typeof start === 'function', 'start', 'a function', start);
  check(RESTARTS.includes(restart), 'restart', RESTARTS.join(', '), restart);
  check(TYPES.includes(type), 'type', TYPES.join(', '), type);
  check(isShutdown(shutdown), 'shutdown', 'brutal_kill, infinity or whole milliseconds', shutdown);
  return { id, start, restart, shutdown, type };
}

/**
 * The specs of a supervisor's first children, complete.
 *
 * @throws {TypeError} if a spec is wrong or an id occurs twice
 */
export function completeChildSpecs(specs: readonly ChildSpec[]): CompleteChildSpec[] {
  const complete = specs.map(completeChildSpec);
  const ids = new Set<string>();
  for (const { id } of complete) {
    if (ids.has(id)) throw new TypeError(`child spec "${id}": id occurs more than once`);
    ids.add(id);
  }
  return complete;
}

function isShutdown(value: unknown): boolean {
  if (value === 'brutal_kill' || value === 'infinity') return true;
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_DELAY_MS;
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
