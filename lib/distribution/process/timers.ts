import type { Clock } from '../../clock.ts';
import type { Reference } from '../terms/reference.ts';

interface Timer {
  readonly dueMs: number;
  readonly cancel: () => void;
}

/** The running timers of one process. */
export class Timers {
  readonly #timers = new Map<string, Timer>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#timers.size;
  }

  start(ref: Reference, delayMs: number, callback: () => void): void {
    const cancel = this.#clock.setTimer(delayMs, () => {
      this.#timers.delete(ref.key);
      callback();
    });
    this.#timers.set(ref.key, { dueMs: this.#clock.now() + delayMs, cancel });
  }

  /** @returns the milliseconds that were left, `undefined` if the timer had fired or is unknown */
  cancel(ref: Reference): number | undefined {
    const timer = this.#timers.get(ref.key);
    if (timer === undefined) return undefined;
    this.#timers.delete(ref.key);
    timer.cancel();
    return Math.max(0, timer.dueMs - this.#clock.now());
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
