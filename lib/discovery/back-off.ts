/** How long to wait after failures in a row. Pure. */
export interface BackOff {
  /** after the first failure; doubled by each further one */
  readonly initialMs: number;
  readonly maxMs: number;
  /** share of the delay, 0 to 1, by which it is spread around itself */
  readonly jitter: number;
}

/**
 * @param failures in a row, from 1
 * @param random from 0 to below 1
 * @returns milliseconds, at most `maxMs`
 */
export function backOffDelay(
  { initialMs, maxMs, jitter }: BackOff,
  failures: number,
  random: number,
): number {
  // The exponent is bounded, so that a node absent for weeks does not overflow to infinity.
  const doubled = initialMs * 2 ** Math.min(failures - 1, 30);
  return Math.min(maxMs, spread(Math.min(maxMs, doubled), jitter, random));
}

/** `delayMs` moved by up to `jitter` of itself either way, so that nodes do not act in step. */
export function spread(delayMs: number, jitter: number, random: number): number {
  return Math.round(delayMs * (1 + jitter * (2 * random - 1)));
}
