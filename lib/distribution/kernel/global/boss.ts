import { compareNodeNames } from '../../terms/pid.ts';

/**
 * The greatest of some node names. Its lock is taken first and let go last, so that contenders meet
 * there before they hold anything else. Source: OTP `global`, the_boss/1.
 *
 * @param nodes at least one name
 */
export function boss(nodes: readonly string[]): string {
  return nodes.reduce((a, b) => (compareNodeNames(a, b) >= 0 ? a : b));
}
