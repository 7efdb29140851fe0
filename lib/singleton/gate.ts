import type { Clock } from '../clock.ts';

/**
 * A gate that is open unless somebody holds it shut, each for so long at most. Whoever may pass only
 * when it is open waits for {@link opened}.
 */
export class Gate {
  readonly #clock: Clock;
  readonly #holds = new Set<() => void>();
  #opened: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOpen(): boolean {
    return this.#holds.size === 0;
  }

  /** Shuts it. @returns lets it go, as the end of `timeoutMs` does; idempotent */
  hold(timeoutMs: number): () => void {
    const release = (): void => {
      cancelTimer();
      if (this.#holds.delete(release) && this.isOpen) this.#open();
    };
    const cancelTimer = this.#clock.setTimer(timeoutMs, release);
    this.#holds.add(release);
    return release;
  }

  /** Resolves when nobody holds it; `undefined` when nobody does now. */
  opened(): Promise<void> | undefined {
    if (this.isOpen) return undefined;
    if (this.#opened === undefined) {
      let resolve: () => void = () => undefined;
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#opened = { promise, resolve };
    }
    return this.#opened.promise;
  }

  /** Lets everything go. */
  releaseAll(): void {
    for (const release of [...this.#holds]) release();
  }

  #open(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.resolve();
  }
}
