/** So many turns of the event loop an increment waits at most for others to come along. */
export const MAX_TURNS = 4;

/**
 * Resolves with the first turn of the event loop that brings no more of what is counted. With little to do
 * that is the end of the present one; with much it is a few of them, in which there is no pause.
 *
 * @param count how much there is
 * @param leastTurns not before that; from 1 on
 * @param nextTurn calls back in the next turn, when what has come in has been looked at
 */
export function gathered(
  count: () => number,
  leastTurns = 1,
  nextTurn: (callback: () => void) => void = setImmediate,
): Promise<void> {
  return new Promise((resolve) => {
    let known = count();
    let turns = 0;
    const look = (): void => {
      const before = known;
      known = count();
      turns += 1;
      if (turns >= MAX_TURNS || (turns >= leastTurns && known === before)) resolve();
      else nextTurn(look);
    };
    nextTurn(look);
  });
}
