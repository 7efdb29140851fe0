import type { LineDestination } from './pretty-lines.ts';

export interface LineBufferOptions {
  /** whether a line cannot wait; default: none */
  readonly isUrgent?: (line: string) => boolean;
  /** the least time between two writes of lines that can wait; default 10 ms */
  readonly pauseMs?: number;
  /** monotonic milliseconds */
  readonly now?: () => number;
}

const DEFAULT_PAUSE_MS = 10;

/** So many characters do not wait for more. */
const FULL = 64 * 1024;

/**
 * Gathers lines, so that many requests are one write to the file. A line after a pause is written when the
 * turn of the event loop ends, with all that came in the turn; those that come in quick succession some
 * milliseconds later. They are written, too, when the process exits, by an uncaught error or otherwise, and
 * at once with a line that cannot wait, since it may tell why the process is about to die.
 */
export class LineBuffer implements LineDestination {
  readonly #destination: LineDestination;
  readonly #isUrgent: (line: string) => boolean;
  readonly #pauseMs: number;
  readonly #now: () => number;
  #lines = '';
  #writtenAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** @param destination writes before its `write` returns */
  constructor(destination: LineDestination, options: LineBufferOptions = {}) {
    this.#destination = destination;
    this.#isUrgent = options.isUrgent ?? (() => false);
    this.#pauseMs = options.pauseMs ?? DEFAULT_PAUSE_MS;
    this.#now = options.now ?? (() => performance.now());
  }

  write(line: string): void {
    this.add(line);
    if (this.#isUrgent(line)) this.#flush();
  }

  /** For a line that is known to be able to wait; to look at it would take longer than to add it. */
  add(line: string): void {
    if (this.#lines === '') this.#schedule();
    this.#lines += line;
    if (this.#lines.length >= FULL) this.#flush();
  }

  #schedule(): void {
    process.once('exit', this.#flush);
    const waitMs = this.#writtenAt + this.#pauseMs - this.#now();
    if (waitMs > 0) {
      const timer = setTimeout(this.#flush, waitMs);
      this.#cancel = () => clearTimeout(timer);
    } else {
      const turn = setImmediate(this.#flush);
      this.#cancel = () => clearImmediate(turn);
    }
  }

  readonly #flush = (): void => {
    const lines = this.#lines;
    if (lines === '') return;
    this.#lines = '';
    this.#cancel?.();
    this.#cancel = undefined;
    process.off('exit', this.#flush);
    this.#writtenAt = this.#now();
    this.#destination.write(lines);
  };
}
