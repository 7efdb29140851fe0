/**
 * Publishes the counter's changes, so that whoever subscribes to the topic `counter` on any node sees each
 * value, in the order in which its owner counted.
 *
 * ```
 * %{count: 7, node: "node1@host"}               the count is 7 now; node is the owner's
 * %{count: 9, first: 8, node: "node1@host"}     it was 8 and is 9 now
 * ```
 *
 * Each value is a message of its own as long as there are not too many: up to {@link MAX_VALUES_PER_SECOND}, and
 * as many at once after a pause. Those beyond share messages, one every {@link GATHER_MS}, which name the first
 * value with `first`. So every value is in exactly one message; a subscriber that wants them all reads
 * `Map.get(m, :first, m.count)..m.count`. Values that share a message count as much as the others, up to those
 * of a second: a counter that is busy all the time publishes no more than that.
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
  readonly clock: Clock;
}

/** Values that are published one by one. What each costs on all nodes together is some 20 µs. */
export const MAX_VALUES_PER_SECOND = 2_000;

/** How long values wait for others to share a message with, once there are too many. */
export const GATHER_MS = 10;

/** Values without a gap. */
interface Growth {
  readonly first: Count;
  last: Count;
  readonly node: string;
}

export class CountPublisher {
  readonly #options: CountPublisherOptions;
  #waiting: Growth[] = [];
  /** how many values may be published one by one now; below zero after too many */
  #allowance = MAX_VALUES_PER_SECOND;
  #countedAtMs: number;
  /** takes the timer back; there is one while values gather */
  #cancelTimer: (() => void) | undefined;

  constructor(options: CountPublisherOptions) {
    this.#options = options;
    this.#countedAtMs = options.clock.now();
  }

  /**
   * The count went through these values, in this order. They are published when the answers to the increments
   * have gone, or with later ones.
   */
  counted(first: Count, last: Count, node: string): void {
    const latest = this.#waiting.at(-1);
    if (latest?.node === node && add(latest.last, 1) === first) {
      latest.last = last;
      return;
    }
    this.#waiting.push({ first, last, node });
    if (this.#waiting.length > 1) return;
    this.#refill();
    if (this.#allowance > 0) queueMicrotask(() => this.flush());
    else this.#cancelTimer = this.#options.clock.setTimer(GATHER_MS, () => this.flush());
  }

  /** Publishes what waits. To be called before another node counts, whose values come after these. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
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
