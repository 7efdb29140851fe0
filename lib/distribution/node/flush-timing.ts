/**
 * When what was sent goes out. A write costs as much as a dozen small messages, so those of one turn of the
 * event loop share one. But whoever reacts to what a peer has sent should not wait for others to join: the
 * answers to what came in one chunk go out when all of it has been looked at, and what follows from it by
 * way of promises right behind that.
 *
 * ```
 *              react                 its end: flush, if wanted        request: flush after the promises
 *   gathering ───────▶ reacting ─────────────────────────────▶ reacted ────────────────────────▶ gathering
 *    request: flush in the next `setImmediate`
 * ```
 */
export class FlushTiming {
  readonly #flush: () => void;
  #state: 'gathering' | 'reacting' | 'reacted' = 'gathering';
  #wanted = false;
  #inTick = false;
  #immediate: NodeJS.Immediate | undefined;

  /** @param flush writes what there is; called also when there is nothing any more */
  constructor(flush: () => void) {
    this.#flush = flush;
  }

  /** Something waits to go out. */
  request(): void {
    if (this.#state === 'reacting') this.#wanted = true;
    else if (this.#inTick || this.#immediate !== undefined) return;
    else if (this.#state === 'reacted') this.#flushInTick();
    else this.#immediate = setImmediate(this.#onImmediate);
  }

  /** Runs `action`, which looks at what has come from the peer. */
  react(action: () => void): void {
    this.#state = 'reacting';
    try {
      action();
    } finally {
      this.#state = 'reacted';
      if (this.#wanted) {
        this.#wanted = false;
        this.#flush();
      }
    }
  }

  /** Takes back what was requested. */
  cancel(): void {
    this.#wanted = false;
    this.#inTick = false;
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }

  /** The queue of ticks is emptied behind that of promises. */
  #flushInTick(): void {
    this.#state = 'gathering';
    this.#inTick = true;
    process.nextTick(this.#onTick);
  }

  readonly #onTick = (): void => {
    if (!this.#inTick) return;
    this.#inTick = false;
    this.#flush();
  };

  readonly #onImmediate = (): void => {
    this.#immediate = undefined;
    this.#flush();
  };
}
