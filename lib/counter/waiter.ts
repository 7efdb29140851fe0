/** Those who wait for an increment, and the one timer for all of them. */
import type { Clock } from '../clock.ts';
import { CallError } from '../distribution/index.ts';
import type { Count } from './count.ts';

/** Whoever asks for an increment, as far as the counter has to know. */
export interface Caller {
  /** it waits no longer */
  readonly isGone: boolean;
}

/** One caller of an increment. It is told once, whatever comes later. */
export class Waiter {
  readonly answer: Promise<Count>;
  readonly key: string | undefined;
  readonly deadlineMs: number;
  readonly #caller: Caller | undefined;
  #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;
  #resolve!: (value: Count) => void;
  #reject!: (error: unknown) => void;
  #settled = false;

  constructor(key: string | undefined, deadlineMs: number, caller?: Caller) {
    this.key = key;
    this.deadlineMs = deadlineMs;
    this.#caller = caller;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Calls `onAbort` when the signal is aborted, unless it has been told before. */
  endWith(signal: AbortSignal, onAbort: () => void): void {
    this.#signal = signal;
    this.#onAbort = onAbort;
    signal.addEventListener('abort', onAbort);
  }

  /** Whether its caller waits no longer, without having said so. */
  get isGone(): boolean {
    return this.#caller?.isGone === true;
  }

  get signal(): AbortSignal | undefined {
    return this.#signal;
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
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
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

/** Its caller has gone before the increment was on its way: nothing was counted. */
export function hasLeft(): Error {
  return new DOMException('the caller has gone, nothing was counted', 'AbortError');
}
