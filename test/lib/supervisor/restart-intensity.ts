import t from 'tap';
import { checkLimits, countRestart } from '../../../lib/supervisor/restart-intensity.ts';

function count(times: number[], limits: { intensity: number; periodMs: number }): boolean[] {
  let restarts: readonly number[] = [];
  return times.map((at) => {
    const result = countRestart(restarts, at, limits);
    restarts = result.restarts;
    return result.exceeded;
  });
}

t.test('as many restarts as the intensity are tolerated, one more is not', async (t) => {
  t.same(count([0, 1, 2, 3], { intensity: 3, periodMs: 5000 }), [false, false, false, true]);
});

t.test('a restart that is older than the period does not count', async (t) => {
  t.same(count([0, 100, 201], { intensity: 1, periodMs: 100 }), [false, true, false]);
});

t.test('a restart exactly one period ago counts', async (t) => {
  t.same(count([0, 100], { intensity: 1, periodMs: 100 }), [false, true]);
  t.same(count([0, 101], { intensity: 1, periodMs: 100 }), [false, false]);
});

t.test('intensity 0 tolerates no restart', async (t) => {
  t.same(count([0], { intensity: 0, periodMs: 100 }), [true]);
});

t.test('only restarts within the period are kept', async (t) => {
  t.same(countRestart([0, 50, 90], 120, { intensity: 9, periodMs: 60 }).restarts, [90, 120]);
});

t.test('limits that make no sense are refused', async (t) => {
  for (const intensity of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => checkLimits({ intensity, periodMs: 1 }), /intensity must be a whole number/);
  }
  for (const periodMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => checkLimits({ intensity: 1, periodMs }), /periodMs must be more than 0/);
  }
  t.same(checkLimits({ intensity: 0, periodMs: 1 }), { intensity: 0, periodMs: 1 });
});
