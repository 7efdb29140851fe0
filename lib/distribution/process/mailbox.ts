import { type Clock, systemClock } from '../../clock.ts';
import { CallError } from '../errors.ts';
import type { Term } from '../terms/term.ts';

export interface ReceiveOptions {
  /** takes the first message for which this is true; others stay, in order */
  readonly match?: (message: Term) => boolean;
  /** rejects with `timeout` after this many milliseconds; 0 only looks at what is there */
  readonly timeoutMs?: number;
}

interface Entry {
  readonly message: Term;
  previous: Entry | undefined;
  next: Entry | undefined;
}

interface Waiter {
  readonly match: ((message: Term) => boolean) | undefined;
  readonly resolve: (message: Term) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The messages of one process, first in first out, with selective receive. Adding and removing
 * take constant time, also from the middle. Several receives may wait at once: a message goes to the
 * first of them that accepts it. A `match` that throws rejects its own receive and no other.
 */
export class Mailbox {
  #first: Entry | undefined;
  #last: Entry | undefined;
  #length = 0;
  readonly #waiters = new Set<Waiter>();
  #closed: { readonly error: unknown } | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#length;
  }

  /** Receives that wait for a message. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Adds a message, or hands it to a waiting receive; dropped once the mailbox is closed. */
  push(message: Term): void {
    if (this.#closed !== undefined) return;
    if (this.#waiters.size > 0 && this.#handOver(message)) return;
    const entry: Entry = { message, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#length += 1;
  }

  #handOver(message: Term): boolean {
    for (const waiter of this.#waiters) {
      if (!this.#accepts(waiter, message)) continue;
      waiter.resolve(message);
      return true;
    }
    return false;
  }

  /** Removes and returns the oldest message. */
  shift(): Term | undefined {
    const entry = this.#first;
    if (entry === undefined) return undefined;
    this.#unlink(entry);
    return entry.message;
  }

  /** Removes and returns the oldest message that matches. */
  take(match: (message: Term) => boolean): Term | undefined {
    for (let entry = this.#first; entry !== undefined; entry = entry.next) {
      if (!match(entry.message)) continue;
      this.#unlink(entry);
      return entry.message;
    }
    return undefined;
  }

  /**
   * Removes and returns a message, waiting for it if necessary.
   *
   * @throws {CallError} `timeout`
   * @throws the error given to {@link close}, when the mailbox is or gets closed
   */
  async receive(options: ReceiveOptions = {}): Promise<Term> {
    const { match, timeoutMs = Number.POSITIVE_INFINITY } = options;
    if (this.#closed !== undefined) throw this.#closed.error;
    const present = match === undefined ? this.shift() : this.take(match);
    if (present !== undefined) return present;
    if (timeoutMs <= 0) throw receiveTimeout(timeoutMs);
    return this.#wait(match, timeoutMs);
  }

  /** Drops all messages, rejects every waiting receive with `error`, and every later one. */
  close(error: unknown): void {
    this.#closed ??= { error };
    this.#first = undefined;
    this.#last = undefined;
    this.#length = 0;
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }

  #wait(match: Waiter['match'], timeoutMs: number): Promise<Term> {
    return new Promise((resolve, reject) => {
      let cancelTimer: (() => void) | undefined;
      const settle = (): void => {
        this.#waiters.delete(waiter);
        cancelTimer?.();
      };
      const waiter: Waiter = {
        match,
        resolve: (message) => {
          settle();
          resolve(message);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      if (timeoutMs !== Number.POSITIVE_INFINITY) {
        cancelTimer = this.#clock.setTimer(timeoutMs, () =>
          waiter.reject(receiveTimeout(timeoutMs)),
        );
      }
    });
  }

  #accepts(waiter: Waiter, message: Term): boolean {
    if (waiter.match === undefined) return true;
    try {
      return waiter.match(message);
    } catch (error) {
      waiter.reject(error);
      return false;
    }
  }

  #unlink(entry: Entry): void {
    if (entry.previous === undefined) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    this.#length -= 1;
  }
}

function receiveTimeout(timeoutMs: number): CallError {
  return new CallError('timeout', `expected a message within ${timeoutMs} ms, none that fits came`);
}
