import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** default 10 s */
  readonly timeoutMs?: number;
  /** between two looks; default 5 ms */
  readonly intervalMs?: number;
  /** what is waited for, for the error's message */
  readonly what?: string | (() => string);
}

/**
 * Polls until `check` holds; for what announces itself to nobody.
 *
 * @throws {Error} naming `what`, when the time is up
 */
export async function until(
  check: () => boolean | Promise<boolean>,
  { timeoutMs = 10_000, intervalMs = 5, what = 'condition' }: UntilOptions = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() >= deadline) {
      const described = typeof what === 'string' ? what : what();
      throw new Error(`not within ${timeoutMs} ms: ${described}`);
    }
    await delay(intervalMs);
  }
}
