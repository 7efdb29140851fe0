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

/** Node fires at once for delays beyond this many milliseconds (24.8 days). */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The machine's monotonic clock and Node's timers. A delay beyond 24.8 days counts as 24.8 days. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS));
    return () => clearTimeout(handle);
  },
};
