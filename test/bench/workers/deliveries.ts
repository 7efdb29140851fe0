/** Counts what many handlers receive, and tells when enough of it has come. */
export class Deliveries {
  #count = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #tell: (() => void) | undefined;

  readonly add = (): void => {
    this.#count += 1;
    if (this.#count >= this.#wanted) {
      this.#wanted = Number.POSITIVE_INFINITY;
      this.#tell?.();
    }
  };

  /** Begins to count anew. */
  reset(): void {
    this.#count = 0;
  }

  /** Resolves when so many have come in all, with that number. */
  reached(wanted: number): Promise<number> {
    return new Promise((resolve) => {
      if (this.#count >= wanted) {
        resolve(this.#count);
        return;
      }
      this.#tell = () => resolve(this.#count);
      this.#wanted = wanted;
    });
  }
}
