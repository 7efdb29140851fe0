import t from 'tap';
import { gathered, MAX_TURNS } from '../../../lib/counter/gathering.ts';

/** Gathers while each turn brings so many more. @returns how many turns it took */
async function turnsFor(brings: readonly number[], leastTurns?: number): Promise<number> {
  let turns = 0;
  let count = 1;
  const nextTurn = (callback: () => void): void => {
    count += brings[turns] ?? 0;
    turns += 1;
    queueMicrotask(callback);
  };
  await gathered(() => count, leastTurns, nextTurn);
  return turns;
}

t.test('it is over with the first turn that brings nothing more', async (t) => {
  t.equal(await turnsFor([]), 1, 'one alone waits for one turn');
  t.equal(await turnsFor([3, 2]), 3);
  t.equal(await turnsFor([3, 0, 2]), 2);
  t.equal(await turnsFor([], 2), 2, 'but not before that');
  t.equal(await turnsFor([0, 1], 2), 3);
});

t.test('it has an end, however much there is to come', async (t) => {
  t.equal(await turnsFor(Array(100).fill(1)), MAX_TURNS);
});

t.test('a turn is one of the event loop', async (t) => {
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  await gathered(() => 1);
  t.ok(turned);
});
