/**
 * Have there been more than `intensity` restarts within `periodMs`? Pure.
 *
 * A restart that lies exactly `periodMs` back still counts, as in OTP's `supervisor:in_period/3`.
 */

/** How many restarts count as too many. */
export interface RestartLimits {
  /** how many restarts are tolerated within the period; 0 tolerates none */
  readonly intensity: number;
  readonly periodMs: number;
}

/** Elixir's defaults (OTP's own are 1 in 5 s). */
export const DEFAULT_LIMITS: RestartLimits = { intensity: 3, periodMs: 5000 };

/** The recent restarts, and whether they are too many. */
export interface RestartCount {
  /** times of the restarts that still matter, oldest first: at most `intensity` + 1 of them */
  readonly restarts: readonly number[];
  readonly exceeded: boolean;
}

/**
 * Counts one more restart.
 *
 * @param restarts what the previous count returned; at first empty
 * @param nowMs monotonic milliseconds, never less than the time of the previous count
 */
export function countRestart(
  restarts: readonly number[],
  nowMs: number,
  { intensity, periodMs }: RestartLimits,
): RestartCount {
  const recent = [...restarts.filter((at) => nowMs - at <= periodMs), nowMs];
  return { restarts: recent, exceeded: recent.length > intensity };
}

/** @throws {TypeError} if a limit makes no sense */
export function checkLimits({ intensity, periodMs }: RestartLimits): RestartLimits {
  if (!Number.isSafeInteger(intensity) || intensity < 0) {
    throw new TypeError(`intensity must be a whole number of restarts, got ${intensity}`);
  }
  if (!Number.isFinite(periodMs) || periodMs <= 0) {
    throw new TypeError(`periodMs must be more than 0 milliseconds, got ${periodMs}`);
  }
  return { intensity, periodMs };
}
