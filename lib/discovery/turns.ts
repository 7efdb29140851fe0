/** Lets so many do something at the same time; the others wait, first come, first served. */
export class Turns {
  #free: number;
  // Not an array: to take the first of very many would move all the others.
  readonly #waiting = new Set<() => void>();

  /** @param max how many at once, at least 1 */
  constructor(max: number) {
    this.#free = max;
  }

  /** @returns `undefined`: it is the caller's turn; else resolves when it is. Each turn ends with {@link pass}. */
  take(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free -= 1;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** Ends a turn, which goes to whoever has waited longest. */
  pass(): void {
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      next();
      return;
    }
    this.#free += 1;
  }
}
