/**
 * Plain calls to an owner, one for each request: reads, and increments at an owner that is none of ours.
 * Such a one cannot tell a request that it has seen, so an increment is not sent twice unless the owner was
 * gone before it arrived; and it knows no keys, so what it answered for one is told to all our nodes.
 */
import type { Clock } from '../clock.ts';
import {
  atom,
  CallError,
  type GenServerClient,
  type Pid,
  type Term,
} from '../distribution/index.ts';
import { type Count, isCount } from './count.ts';
import type { KeyRecord } from './key-table.ts';
import type { Owner } from './owner-lookup.ts';
import { foreignSession } from './session.ts';
import type { CounterState } from './state.ts';
import { badReply, type Waiter } from './waiter.ts';

export interface SingleCallsOptions {
  readonly state: CounterState;
  readonly client: Pick<GenServerClient, 'call'>;
  /** puts the state on disk before the callers are told */
  readonly flush?: (() => Promise<void>) | undefined;
  /** tells all our nodes what was told for keys */
  readonly spread: (keys: readonly (readonly [string, KeyRecord])[]) => Promise<void>;
  readonly clock: Clock;
  /** milliseconds since 1970 */
  readonly now: () => number;
  /** an owner that is none of ours has counted one for us */
  readonly onForeignCount?: ((owner: Pid, count: Count) => void) | undefined;
  /** an owner turned out to have ended */
  readonly onGone: (owner: Pid) => void;
}

const INCREMENT = atom('increment');

export class SingleCalls {
  readonly #options: SingleCallsOptions;

  constructor(options: SingleCallsOptions) {
    this.#options = options;
  }

  /**
   * One call; what it tells of a stranger's count is kept.
   *
   * @throws {CallError} as a call does, and `bad_reply` when no count comes back
   */
  async ask(
    owner: Owner,
    request: Term,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Count> {
    const { client, state, clock } = this.#options;
    const timeoutMs = Math.max(1, deadlineMs - clock.now());
    const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    const value = await client.call(owner.pid, request, options);
    if (!isCount(value)) throw badReply();
    if (!owner.batches) state.observe(foreignSession(owner.pid.key), value);
    return value;
  }

  /**
   * One call for each increment without a key, and for each key. Tells those who wait.
   *
   * @returns those whose increment never arrived: the next owner may be asked
   */
  async increment(owner: Owner, waiters: readonly Waiter[]): Promise<readonly Waiter[]> {
    const unsent = await Promise.all(
      groupsOf(waiters).map((group) => this.#incrementFor(owner, group)),
    );
    return unsent.flat();
  }

  async #incrementFor(owner: Owner, waiters: readonly Waiter[]): Promise<readonly Waiter[]> {
    try {
      const value = await this.#count(owner, waiters);
      for (const waiter of waiters) waiter.succeed(value);
    } catch (error) {
      if (error instanceof CallError && isGone(error)) this.#options.onGone(owner.pid);
      if (error instanceof CallError && error.code === 'noproc') {
        return waiters.filter(({ settled }) => !settled);
      }
      for (const waiter of waiters) waiter.fail(error);
    }
    return [];
  }

  async #count(owner: Owner, waiters: readonly Waiter[]): Promise<Count> {
    const { state, flush, spread, now } = this.#options;
    const [{ key, signal }] = waiters as readonly [Waiter];
    const told = key === undefined ? undefined : state.told(key, now());
    if (told !== undefined) return told;
    const deadlineMs = Math.max(...waiters.map((waiter) => waiter.deadlineMs));
    // Who shares a call goes on waiting when another one of them has gone.
    const shared = waiters.length > 1;
    const value = await this.ask(owner, INCREMENT, deadlineMs, shared ? undefined : signal);
    this.#options.onForeignCount?.(owner.pid, value);
    if (key !== undefined) await spread([[key, state.tell(key, value, now())]]);
    await flush?.();
    return value;
  }
}

/** The owner ended, or its node did, before or during the call. */
export function isGone(error: unknown): boolean {
  if (!(error instanceof CallError)) return false;
  return error.code === 'noproc' || error.code === 'noconnection' || error.code === 'exit';
}

/** Those with the same key together, each other one alone. */
function groupsOf(waiters: readonly Waiter[]): readonly (readonly Waiter[])[] {
  const groups: Waiter[][] = [];
  const byKey = new Map<string, Waiter[]>();
  for (const waiter of waiters) {
    const same = waiter.key === undefined ? undefined : byKey.get(waiter.key);
    if (same !== undefined) {
      same.push(waiter);
      continue;
    }
    const group = [waiter];
    groups.push(group);
    if (waiter.key !== undefined) byKey.set(waiter.key, group);
  }
  return groups;
}
