const MAX_BACK_OFF_MS = 8000;

/**
 * How long to wait before another attempt to take a lock: random, up to 125 ms after the first
 * failure, twice as much after each further one, at most 8 s. Source: OTP `global`, random_sleep/1.
 *
 * @param failures how many attempts have failed before this one
 */
export function backOffMs(failures: number, random: () => number): number {
  const limitMs = failures > 5 ? MAX_BACK_OFF_MS : 125 * 2 ** failures;
  return Math.ceil(random() * limitMs);
}
