/** What the exit of one child means for it and for its siblings. Pure. */
import type { ExitReason } from './child.ts';
import type { Restart } from './child-spec.ts';

/**
 * - `one_for_one`: only the child that ended is restarted
 * - `one_for_all`: all others are stopped, then all are started
 * - `rest_for_one`: those started after it are stopped, then it and they are started
 */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one';

const STRATEGIES: readonly unknown[] = ['one_for_one', 'one_for_all', 'rest_for_one'];

/** @throws {TypeError} if it is none of the three */
export function checkStrategy(strategy: Strategy): Strategy {
  if (STRATEGIES.includes(strategy)) return strategy;
  throw new TypeError(`strategy must be ${STRATEGIES.join(', ')}, got ${String(strategy)}`);
}

/** Is a child of this kind restarted after it has ended by itself for this reason? */
export function isRestarted(restart: Restart, reason: ExitReason): boolean {
  switch (restart) {
    case 'permanent':
      return true;
    case 'transient':
      return reason.type === 'error' || reason.type === 'killed';
    case 'temporary':
      return false;
  }
}

/**
 * The children that are restarted together when `child` has to be: to be stopped in reverse order
 * and started in this one.
 *
 * @param children in start order; `child` is one of them
 */
export function restartGroup<T>(
  strategy: Strategy,
  children: readonly T[],
  child: T,
): readonly T[] {
  switch (strategy) {
    case 'one_for_one':
      return [child];
    case 'one_for_all':
      return [...children];
    case 'rest_for_one':
      return children.slice(children.indexOf(child));
  }
}
