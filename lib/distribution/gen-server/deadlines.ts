import type { Clock } from '../../clock.ts';

/** Something that has to be over within a time. Its place among the others is of {@link Deadlines} alone. */
export abstract class Deadline {
  dueMs = 0;
  queue: Queue | undefined = undefined;
  earlier: Deadline | undefined = undefined;
  later: Deadline | undefined = undefined;

  /** The time is up. */
  abstract expire(timeoutMs: number): void;
}

/** Deadlines of one time-out, which therefore are due in the order in which they began. */
interface Queue {
  readonly timeoutMs: number;
  first: Deadline | undefined;
  last: Deadline | undefined;
  cancelTimer: (() => void) | undefined;
}

/**
 * The deadlines of many calls with one timer for each length of time-out: nearly all calls have the same
 * one, and nearly all are over long before.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #queues = new Map<number, Queue>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Lets `deadline` expire after `timeoutMs`, unless it is {@link stop}ped. One at a time for each. */
  start(timeoutMs: number, deadline: Deadline): void {
    let queue = this.#queues.get(timeoutMs);
    if (queue === undefined) {
      queue = { timeoutMs, first: undefined, last: undefined, cancelTimer: undefined };
      this.#queues.set(timeoutMs, queue);
    }
    deadline.dueMs = this.#clock.now() + timeoutMs;
    deadline.queue = queue;
    deadline.earlier = queue.last;
    if (queue.last === undefined) queue.first = deadline;
    else queue.last.later = deadline;
    queue.last = deadline;
    if (queue.cancelTimer === undefined) this.#arm(queue, timeoutMs);
  }

  /** Takes a deadline back; harmless when it has passed or has never been started. */
  stop(deadline: Deadline): void {
    const { queue } = deadline;
    if (queue === undefined) return;
    unlink(deadline, queue);
    if (queue.first !== undefined) return;
    queue.cancelTimer?.();
    this.#queues.delete(queue.timeoutMs);
  }

  /** The timer is set for what was the first; it may have been taken back meanwhile. */
  #arm(queue: Queue, delayMs: number): void {
    queue.cancelTimer = this.#clock.setTimer(delayMs, () => {
      queue.cancelTimer = undefined;
      this.#expire(queue);
    });
  }

  #expire(queue: Queue): void {
    const nowMs = this.#clock.now();
    for (let due = queue.first; due !== undefined && due.dueMs <= nowMs; due = queue.first) {
      unlink(due, queue);
      due.expire(queue.timeoutMs);
    }
    // What expired may have started another one, which has set the timer.
    if (queue.cancelTimer !== undefined) return;
    if (queue.first !== undefined) this.#arm(queue, Math.max(0, queue.first.dueMs - nowMs));
    else if (this.#queues.get(queue.timeoutMs) === queue) this.#queues.delete(queue.timeoutMs);
  }
}

function unlink(deadline: Deadline, queue: Queue): void {
  const { earlier, later } = deadline;
  if (earlier === undefined) queue.first = later;
  else earlier.later = later;
  if (later === undefined) queue.last = earlier;
  else later.earlier = earlier;
  deadline.earlier = undefined;
  deadline.later = undefined;
  deadline.queue = undefined;
}
