/** The end of one child at the hand of its supervisor: ask, wait, kill, wait, give up. */

import type { Clock } from '../clock.ts';
import type { Child, ExitReason } from './child.ts';
import type { Shutdown } from './child-spec.ts';

/** How a child was ended. */
export interface StopOutcome {
  /**
   * - `exited`: the child ended when it was asked to, or had ended before
   * - `killed`: its spec wants it killed, or it did not end in time, or could not be asked
   * - `abandoned`: it has not even ended after `kill()`; nothing more can be done about it
   */
  readonly type: 'exited' | 'killed' | 'abandoned';
  /** absent if the child was abandoned */
  readonly reason?: ExitReason;
  /** whether it used up the time that its spec gives it */
  readonly timedOut: boolean;
  /** what its `shutdown()` and `kill()` threw */
  readonly errors: readonly unknown[];
}

export interface StopOptions {
  readonly shutdown: Shutdown;
  readonly clock: Clock;
  /** how long `kill()` may take before the child counts as abandoned */
  readonly killTimeoutMs: number;
  /** aborted when the supervisor itself is killed: no child is waited for then */
  readonly killed: AbortSignal;
}

/** Stops a child. Never rejects; holds no timer and no listener once it has resolved. */
export async function stopChild(child: Child, options: StopOptions): Promise<StopOutcome> {
  const { shutdown, clock, killTimeoutMs, killed } = options;
  const errors: unknown[] = [];
  const attempt = (fn: () => void): boolean => {
    try {
      fn();
      return true;
    } catch (error) {
      errors.push(error);
      return false;
    }
  };

  let timedOut = false;
  // A child that cannot even be asked has no use for the time it would get.
  if (shutdown !== 'brutal_kill' && !killed.aborted && attempt(() => child.shutdown())) {
    const reason = await exitWithin(child, shutdown, clock, killed);
    if (reason !== undefined) return { type: 'exited', reason, timedOut, errors };
    timedOut = !killed.aborted;
  }
  attempt(() => child.kill());
  const reason = await exitWithin(child, killTimeoutMs, clock);
  return reason === undefined
    ? { type: 'abandoned', timedOut, errors }
    : { type: 'killed', reason, timedOut, errors };
}

/** The child's exit, its rejection read as an error: for whoever must not fail because a child did. */
export function exitOf(child: Child): Promise<ExitReason> {
  return child.exited.catch((error: unknown) => ({ type: 'error', error }));
}

/** Resolves to `undefined` when the time is over or the wait is called off. */
function exitWithin(
  child: Child,
  waitMs: number | 'infinity',
  clock: Clock,
  calledOff?: AbortSignal,
): Promise<ExitReason | undefined> {
  return new Promise((resolve) => {
    let cancelTimer = () => {};
    const giveUp = () => finish(undefined);
    const finish = (reason: ExitReason | undefined) => {
      cancelTimer();
      calledOff?.removeEventListener('abort', giveUp);
      resolve(reason);
    };
    // Asking the child may have led to the abort already.
    if (calledOff?.aborted) return giveUp();
    calledOff?.addEventListener('abort', giveUp);
    if (waitMs !== 'infinity') cancelTimer = clock.setTimer(waitMs, giveUp);
    exitOf(child).then(finish);
  });
}
