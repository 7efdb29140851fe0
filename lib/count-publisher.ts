/**
 * Publishes the counter's changes, so that whoever subscribes to the topic `counter` on any node sees each
 * value, in the order in which its owner counted.
 *
 * ```
 * %{count: 7, node: "node1@host"}               the count is 7 now; node is the owner's
 * %{count: 9, first: 8, node: "node1@host"}     it was 8 and is 9 now
 * ```
 *
 * The owner counts increments in batches. Each value of a batch is a message of its own as long as there are
 * not too many: up to {@link MAX_VALUES_PER_SECOND}, and as many at once after a pause. What comes beyond in
 * a batch goes into one message, which names the first value with `first`. So every value is in exactly one
 * message; a subscriber that wants them all reads `Map.get(m, :first, m.count)..m.count`.
 *
 * Values that share a message count as much as the others, up to those of a second: a counter that is busy
 * all the time publishes one message for each batch.
 *
 * A merge of counts, as after a network split, is one change. Values that others count, such as an Elixir
 * owner, are published as far as one of ours was answered with them, by that one.
 */
import type { Clock } from './clock.ts';
import { add, type Count, subtract } from './counter/count.ts';

/** What is published: the count, and the node of the owner that counted. */
export interface CountChange {
  readonly count: Count;
  readonly node: string;
  /** the first of several values that end with `count` */
  readonly first?: Count;
}

export interface CountPublisherOptions {
  readonly publish: (change: CountChange) => void;
  readonly clock: Pick<Clock, 'now'>;
}

/** Values that are published one by one. What each costs on all nodes together is some 20 µs. */
export const MAX_VALUES_PER_SECOND = 2_000;

interface Growth {
  readonly first: Count;
  readonly last: Count;
  readonly node: string;
}

export class CountPublisher {
  readonly #options: CountPublisherOptions;
  #waiting: Growth[] = [];
  /** how many values may be published one by one now; below zero after too many */
  #allowance = MAX_VALUES_PER_SECOND;
  #countedAtMs: number;

  constructor(options: CountPublisherOptions) {
    this.#options = options;
    this.#countedAtMs = options.clock.now();
  }

  /**
   * The count went through these values, in this order. They are published after whoever is at it, so that
   * the answers to the increments go first.
   */
  counted(first: Count, last: Count, node: string): void {
    this.#waiting.push({ first, last, node });
    if (this.#waiting.length === 1) queueMicrotask(() => this.#publishAll());
  }

  #publishAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#refill();
    for (const growth of waiting) this.#publish(growth);
  }

  #publish({ first, last, node }: Growth): void {
    const { publish } = this.#options;
    let next = first;
    while (next < last && this.#allowance > 1) {
      publish({ count: next, node });
      this.#allowance -= 1;
      next = add(next, 1);
    }
    const others = subtract(last, next);
    publish(others === 0 ? { count: last, node } : { count: last, first: next, node });
    this.#allowance = Math.max(-MAX_VALUES_PER_SECOND, this.#allowance - Number(others) - 1);
  }

  #refill(): void {
    const nowMs = this.#options.clock.now();
    const earned = ((nowMs - this.#countedAtMs) * MAX_VALUES_PER_SECOND) / 1_000;
    this.#allowance = Math.min(MAX_VALUES_PER_SECOND, this.#allowance + earned);
    this.#countedAtMs = nowMs;
  }
}
