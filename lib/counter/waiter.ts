/** Those who wait for an increment, and the one timer for all of them. */
import type { Clock } from '../clock.ts';
import { CallError } from '../distribution/index.ts';
import type { Count } from './count.ts';

export interface WaiterOptions {
  readonly key: string | undefined;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** its caller waits no longer */
  readonly onAbort: (waiter: Waiter) => void;
}

/** One caller of an increment. It is told once, whatever comes later. */
export class Waiter {
  readonly answer: Promise<Count>;
  readonly #options: WaiterOptions;
  readonly #abort = (): void => this.#options.onAbort(this);
  #resolve: (value: Count) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #settled = false;

  constructor(options: WaiterOptions) {
    this.#options = options;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    options.signal?.addEventListener('abort', this.#abort);
  }

  get key(): string | undefined {
    return this.#options.key;
  }

  get deadlineMs(): number {
    return this.#options.deadlineMs;
  }

  get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /** Whether it has been told. */
  get settled(): boolean {
    return this.#settled;
  }

  succeed(value: Count): void {
    if (this.#settle()) this.#resolve(value);
  }

  fail(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#options.signal?.removeEventListener('abort', this.#abort);
    return true;
  }
}

/** One timer for all who wait: it goes off at the earliest deadline. */
export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #timer: { readonly dueMs: number; readonly cancel: () => void } | undefined;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Sees to it that it goes off by then; an earlier one stays. */
  notLaterThan(dueMs: number): void {
    if (this.#timer === undefined || dueMs < this.#timer.dueMs) this.set(dueMs);
  }

  /** Goes off then, and not before; with infinity it does not. */
  set(dueMs: number): void {
    if (this.#timer?.dueMs === dueMs) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const cancel = this.#clock.setTimer(Math.max(0, dueMs - this.#clock.now()), () => {
      this.#timer = undefined;
      this.#onDue();
    });
    this.#timer = { dueMs, cancel };
  }
}

/** Nobody owned the counter in time: nothing was counted. */
export function notCounted(): CallError {
  return new CallError('noproc', 'expected an owner of the counter in time, there was none');
}

/** The owner has not answered in time: it may have counted. */
export function unknownOutcome(): CallError {
  return new CallError('timeout', 'expected an answer of the owner of the counter in time');
}

/** The owner has answered something else than a counter does. */
export function badReply(): CallError {
  return new CallError('bad_reply', 'expected an answer of a counter, got another term');
}
