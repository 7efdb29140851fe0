/** Time as a parameter. Tests pass a clock that they advance by hand. */
export interface Clock {
  /** monotonic milliseconds */
  now(): number;
  /**
   * Runs `callback` once after `delayMs`, never synchronously.
   *
   * @returns cancels the timer; harmless when it has fired
   */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** The machine's monotonic clock and Node's timers, for delays of up to 24 days. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    return () => clearTimeout(handle);
  },
};
