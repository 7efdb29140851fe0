import type { Clock } from '../../clock.ts';

/** Something that has to happen within a time. Made by {@link Deadlines.start}. */
export interface Deadline {
  readonly dueMs: number;
  readonly expire: () => void;
  /** its neighbours among those with the same time-out; of {@link Deadlines} alone */
  previous: Deadline | undefined;
  next: Deadline | undefined;
  queue: Queue | undefined;
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

  /** Calls `expire` after `timeoutMs`, unless {@link stop}ped. */
  start(timeoutMs: number, expire: () => void): Deadline {
    let queue = this.#queues.get(timeoutMs);
    if (queue === undefined) {
      queue = { timeoutMs, first: undefined, last: undefined, cancelTimer: undefined };
      this.#queues.set(timeoutMs, queue);
    }
    const dueMs = this.#clock.now() + timeoutMs;
    const deadline: Deadline = { dueMs, expire, previous: queue.last, next: undefined, queue };
    if (queue.last === undefined) queue.first = deadline;
    else queue.last.next = deadline;
    queue.last = deadline;
    if (queue.cancelTimer === undefined) this.#arm(queue, timeoutMs);
    return deadline;
  }

  /** Takes a deadline back; harmless when it has passed. */
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
      due.expire();
    }
    // What expired may have started another one, which has set the timer.
    if (queue.cancelTimer !== undefined) return;
    if (queue.first !== undefined) this.#arm(queue, Math.max(0, queue.first.dueMs - nowMs));
    else if (this.#queues.get(queue.timeoutMs) === queue) this.#queues.delete(queue.timeoutMs);
  }
}

function unlink(deadline: Deadline, queue: Queue): void {
  const { previous, next } = deadline;
  if (previous === undefined) queue.first = next;
  else previous.next = next;
  if (next === undefined) queue.last = previous;
  else next.previous = previous;
  deadline.previous = undefined;
  deadline.next = undefined;
  deadline.queue = undefined;
}
