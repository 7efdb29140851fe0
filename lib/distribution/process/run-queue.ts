/**
 * The trampoline on which callback-style processes run.
 *
 * A message wakes its receiver at once when nothing else runs, so that an idle server answers in the
 * same tick. While something runs, woken processes wait in a queue: processes that send each other
 * messages synchronously take turns instead of recursing. After `budget` turns the rest waits for the
 * next turn of the event loop, so that such a pair cannot starve sockets and timers.
 */
export interface Runnable {
  /** One turn: at most one message. Must not throw. */
  runTurn(): void;
}

export interface RunQueueOptions {
  /** turns per tick of the event loop */
  readonly budget?: number;
  /** postpones to the next tick of the event loop */
  readonly defer?: (callback: () => void) => void;
}

export class RunQueue {
  readonly #ready: Runnable[] = [];
  #holds = 0;
  #running = false;
  #deferred = false;
  readonly #budget: number;
  readonly #defer: (callback: () => void) => void;

  constructor(options: RunQueueOptions = {}) {
    this.#budget = options.budget ?? 10_000;
    this.#defer = options.defer ?? setImmediate;
  }

  /** Gives `runnable` a turn: now if nothing runs, otherwise after all that wait already. */
  schedule(runnable: Runnable): void {
    if (this.#running || this.#deferred || this.#holds > 0 || this.#ready.length > 0) {
      this.#ready.push(runnable);
      this.#runReady();
      return;
    }
    // The usual case. What it wakes runs behind it.
    let hasFailed = true;
    this.#running = true;
    try {
      runnable.runTurn();
      hasFailed = false;
    } finally {
      this.#running = false;
      if (hasFailed && this.#ready.length > 0) this.#runLater();
    }
    if (this.#ready.length > 0) this.#runReady(1);
  }

  /**
   * Runs `action` and lets processes run only afterwards. Used where several signals belong together:
   * all of them are delivered before anybody reacts to the first.
   */
  hold<T>(action: () => T): T {
    this.#holds += 1;
    try {
      return action();
    } finally {
      this.#holds -= 1;
      this.#runReady();
    }
  }

  /** @param spent the turns of this tick that were given already */
  #runReady(spent = 0): void {
    if (this.#running || this.#deferred || this.#holds > 0 || this.#ready.length === 0) return;
    this.#running = true;
    let turns = 0;
    try {
      while (turns + spent < this.#budget && turns < this.#ready.length) {
        this.#ready[turns++]!.runTurn();
      }
    } finally {
      if (turns === this.#ready.length) this.#ready.length = 0;
      else this.#ready.splice(0, turns);
      this.#running = false;
      if (this.#ready.length > 0) this.#runLater();
    }
  }

  #runLater(): void {
    this.#deferred = true;
    this.#defer(() => {
      this.#deferred = false;
      this.#runReady();
    });
  }
}
