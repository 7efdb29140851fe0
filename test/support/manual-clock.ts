/** A clock that stands still until a test moves it. */
import type { Clock } from '../../lib/supervisor/clock.ts';

export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly fn: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fn: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are waiting: 0 at the end of a test that leaks none. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves the time, fires what is due in order, and lets everything that follows from it happen. */
  async advance(ms: number): Promise<void> {
    const target = this.#nowMs + ms;
    for (;;) {
      const next = [...this.#timers]
        .filter(({ dueMs }) => dueMs <= target)
        .sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = next.dueMs;
      next.fn();
      await settled();
    }
    this.#nowMs = target;
    await settled();
  }
}

/** Lets every promise that can settle without time or input do so. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
