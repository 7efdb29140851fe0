/** A subscription as an async iterable, with a buffer that cannot grow without bound. */

/**
 * What happens to a message that finds the buffer full:
 * - `drop_oldest`: the oldest buffered message is lost and counted
 * - `close`: the stream ends; what is buffered is still handed out, then the iteration throws
 *   {@link OverflowError}
 */
export type Overflow = 'drop_oldest' | 'close';

/** The consumer of a stream with overflow `close` was too slow. */
export class OverflowError extends Error {
  readonly code = 'overflow';
  readonly topic: string;

  constructor(topic: string, bufferSize: number) {
    super(`more than ${bufferSize} messages of topic "${topic}" were waiting to be read`);
    this.name = 'OverflowError';
    this.topic = topic;
  }
}

export interface MessageStreamOptions {
  readonly topic: string;
  /** how many messages may wait to be read */
  readonly bufferSize: number;
  readonly overflow: Overflow;
  /** Called when the consumer ends the stream, or an overflow does. */
  readonly onClose: () => void;
  /** Called at the first loss, and again at the first after the consumer had caught up. */
  readonly onOverflow: () => void;
}

type Waiter = (result: IteratorResult<unknown, undefined>) => void;

const DONE: IteratorResult<unknown, undefined> = { done: true, value: undefined };

/**
 * The messages of a topic, from the moment of its making. Leaving a `for await` loop ends it; whoever
 * does not iterate has to call `return()`, or to abort the signal of the subscription.
 */
export class MessageStream implements AsyncIterableIterator<unknown, undefined> {
  readonly #options: MessageStreamOptions;
  readonly #buffer: unknown[] = [];
  /** non-empty only while the buffer is empty and the stream open */
  readonly #waiters: Waiter[] = [];
  #closed = false;
  #error: OverflowError | undefined;
  #dropped = 0;
  /** messages have been lost since the consumer last caught up */
  #overflowing = false;

  /** @throws {TypeError} if an option makes no sense */
  constructor(options: MessageStreamOptions) {
    const { bufferSize, overflow } = options;
    if (!Number.isSafeInteger(bufferSize) || bufferSize < 1) {
      throw new TypeError(`bufferSize must be a whole number above 0, got ${bufferSize}`);
    }
    if (overflow !== 'drop_oldest' && overflow !== 'close') {
      throw new TypeError(`overflow must be drop_oldest or close, got ${String(overflow)}`);
    }
    this.#options = options;
  }

  /** How many messages have been lost to overflow `drop_oldest`. */
  get dropped(): number {
    return this.#dropped;
  }

  /** true once no further message is taken in */
  get closed(): boolean {
    return this.#closed;
  }

  /** Takes a message in: straight to a waiting consumer, or into the buffer. */
  push(message: unknown): void {
    if (this.#closed) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter({ done: false, value: message });
    } else if (this.#buffer.length < this.#options.bufferSize) {
      this.#buffer.push(message);
    } else {
      this.#overflow(message);
    }
  }

  /** Ends the stream at once: what is buffered is discarded, waiting consumers see the end. */
  end(): void {
    this.#buffer.length = 0;
    this.#close();
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#buffer.length > 0) {
      const value = this.#buffer.shift();
      if (this.#buffer.length === 0) this.#overflowing = false;
      return Promise.resolve({ done: false, value });
    }
    if (this.#error !== undefined) {
      const error = this.#error;
      // Told once; an iterator that has thrown is done.
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#closed) return Promise.resolve(DONE);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.#error = undefined;
    this.end();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #overflow(message: unknown): void {
    const { topic, bufferSize, overflow, onOverflow } = this.#options;
    if (!this.#overflowing) onOverflow();
    this.#overflowing = true;
    if (overflow === 'close') {
      this.#error = new OverflowError(topic, bufferSize);
      this.#close();
    } else {
      this.#buffer.shift();
      this.#buffer.push(message);
      this.#dropped += 1;
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const waiter of this.#waiters.splice(0)) waiter(DONE);
    this.#options.onClose();
  }
}
