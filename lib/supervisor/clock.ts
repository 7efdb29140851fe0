/** Time as the supervisor sees it, so that tests need not wait. */
export interface Clock {
  /** monotonic milliseconds */
  now(): number;
  /** Runs `fn` once after `delayMs`. The returned function cancels it. */
  after(delayMs: number, fn: () => void): () => void;
}

/** The longest delay that `setTimeout` keeps; it takes anything beyond for 1 ms. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

/** The real time. Its timers keep the process alive: a stop must see its deadline. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, fn) => {
    const timer = setTimeout(fn, delayMs);
    return () => clearTimeout(timer);
  },
};
