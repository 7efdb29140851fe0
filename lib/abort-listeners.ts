/**
 * Listening to the signals of callers: one listener a signal, however many wait for it. Node.js takes more than
 * ten listeners on one AbortSignal for a leak, and warns; a caller with one signal for a thousand calls has none.
 *
 * The listener is on the signal for as long as somebody waits, and an owner (a client, a table of subscriptions)
 * holds its own, so that nothing is left behind in a signal that lives longer.
 */

/** Whoever waits. */
export interface AbortListener {
  /** The signal was aborted. It is called once, and not when it waits no longer. */
  onAbort(reason: unknown): void;
}

/** One who waits, among those for the same signal. */
export interface AbortWait {
  /** Waits no longer. Once is enough. */
  end(): void;
}

export class AbortListeners {
  readonly #bySignal = new WeakMap<AbortSignal, SharedListener>();

  /** @param signal one that is not aborted yet: what is aborted tells nobody any more */
  add(signal: AbortSignal, listener: AbortListener): AbortWait {
    let shared = this.#bySignal.get(signal);
    if (shared === undefined) {
      shared = new SharedListener(signal);
      this.#bySignal.set(signal, shared);
    }
    return new Wait(shared, listener);
  }
}

/**
 * The listener on one signal, with those who wait, in the order of their coming. They are a list of links and no
 * `Set`: with calls that come and go by the million that would be made anew all the time.
 */
class SharedListener {
  readonly #signal: AbortSignal;
  first: Wait | undefined;
  last: Wait | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  listen(): void {
    this.#signal.addEventListener('abort', this.#onAbort);
  }

  unlisten(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    for (let wait = this.first; wait !== undefined; wait = this.first) {
      wait.end();
      try {
        wait.listener.onAbort(this.#signal.reason);
      } catch (error) {
        // As the signal itself would report it. The others hear of the abort all the same.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  };
}

class Wait implements AbortWait {
  readonly listener: AbortListener;
  #shared: SharedListener | undefined;
  #previous: Wait | undefined;
  #next: Wait | undefined;

  constructor(shared: SharedListener, listener: AbortListener) {
    this.listener = listener;
    this.#shared = shared;
    this.#previous = shared.last;
    if (shared.last === undefined) {
      shared.first = this;
      shared.listen();
    } else {
      shared.last.#next = this;
    }
    shared.last = this;
  }

  end(): void {
    const shared = this.#shared;
    if (shared === undefined) return;
    this.#shared = undefined;
    const previous = this.#previous;
    const next = this.#next;
    if (previous === undefined) shared.first = next;
    else previous.#next = next;
    if (next === undefined) shared.last = previous;
    else next.#previous = previous;
    this.#previous = undefined;
    this.#next = undefined;
    if (shared.first === undefined) shared.unlisten();
  }
}
