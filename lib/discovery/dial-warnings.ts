/**
 * Which failed dials are worth a warning. A node that cannot be reached is worth one, when that begins; a peers
 * file with a thousand nodes that are gone is not worth a thousand. The first few of a time are told each by
 * itself, at once; those after them together, at its end.
 */
import type { Clock } from '../clock.ts';

/** Several nodes that could not be dialled, beside those that were told. */
export interface DialsFailed {
  readonly type: 'dials_failed';
  readonly count: number;
  /** the first few of them */
  readonly nodes: readonly string[];
}

export interface DialWarningsOptions {
  readonly clock: Clock;
  readonly tell: (event: DialsFailed) => void;
  /** how many are told each by itself, and how many are named of those told together; default 5 */
  readonly maxNamed?: number;
  /** how long those of one time are counted; default 10 s */
  readonly windowMs?: number;
}

export class DialWarnings {
  readonly #options: Required<DialWarningsOptions>;
  #endsAtMs = 0;
  #told = 0;
  #untold = 0;
  #names: string[] = [];
  #cancel: (() => void) | undefined;

  constructor(options: DialWarningsOptions) {
    this.#options = { maxNamed: 5, windowMs: 10_000, ...options };
  }

  /**
   * The first dial of a node in a row has failed.
   *
   * @returns whether that is worth a warning by itself
   */
  failed(node: string): boolean {
    const { clock, maxNamed, windowMs } = this.#options;
    const now = clock.now();
    if (this.#cancel === undefined && now >= this.#endsAtMs) {
      this.#told = 0;
      this.#endsAtMs = now + windowMs;
    }
    if (this.#told < maxNamed) {
      this.#told += 1;
      return true;
    }
    this.#cancel ??= clock.setTimer(this.#endsAtMs - now, () => this.end());
    this.#untold += 1;
    if (this.#names.length < maxNamed) this.#names.push(node);
    return false;
  }

  /** Tells what is left to be told. */
  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const [count, nodes] = [this.#untold, this.#names];
    this.#untold = 0;
    this.#names = [];
    if (count > 0) this.#options.tell({ type: 'dials_failed', count, nodes });
  }
}
