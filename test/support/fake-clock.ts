import type { Clock } from '../../lib/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until the test moves it. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Delays until the pending timers fire, shortest first. */
  get delays(): number[] {
    return [...this.#timers].map(({ dueMs }) => dueMs - this.#nowMs).sort((a, b) => a - b);
  }

  /** Moves time on and fires what is due, in order; promises settle in between. */
  async advance(byMs: number): Promise<void> {
    const end = this.#nowMs + byMs;
    await settle();
    while (this.#fireNext(end)) await settle();
    this.#nowMs = end;
    await settle();
  }

  /** The same at once: no promise settles in between. */
  step(byMs: number): void {
    const end = this.#nowMs + byMs;
    while (this.#fireNext(end));
    this.#nowMs = end;
  }

  /** @returns whether there was a timer due until then */
  #fireNext(end: number): boolean {
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= end);
    const [next] = due.sort((a, b) => a.dueMs - b.dueMs);
    if (next === undefined) return false;
    this.#timers.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    next.callback();
    return true;
  }
}

/** Lets every promise that can settle without time or input do so. */
export async function settle(): Promise<void> {
  await new Promise(setImmediate);
}
