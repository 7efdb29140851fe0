import type { LineDestination } from './pretty-lines.ts';

/**
 * Gathers the lines of one turn of the event loop, so that many requests in one turn are one write to the
 * file. They are written when the turn ends, when the process exits in it, by an uncaught error too, or with
 * a line that cannot wait, since it may tell why the process is about to die.
 */
export class LineBuffer implements LineDestination {
  readonly #destination: LineDestination;
  readonly #isUrgent: (line: string) => boolean;
  #lines = '';

  /**
   * @param destination writes before its `write` returns
   * @param isUrgent whether a line cannot wait
   */
  constructor(destination: LineDestination, isUrgent: (line: string) => boolean = () => false) {
    this.#destination = destination;
    this.#isUrgent = isUrgent;
  }

  write(line: string): void {
    if (this.#lines === '') {
      setImmediate(this.#flush);
      process.once('exit', this.#flush);
    }
    this.#lines += line;
    if (this.#isUrgent(line)) this.#flush();
  }

  readonly #flush = (): void => {
    const lines = this.#lines;
    if (lines === '') return;
    this.#lines = '';
    process.off('exit', this.#flush);
    this.#destination.write(lines);
  };
}
