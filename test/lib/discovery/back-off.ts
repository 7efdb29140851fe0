import t from 'tap';
import { backOffDelay, spread } from '../../../lib/discovery/back-off.ts';

const backOff = { initialMs: 2_000, maxMs: 30_000, jitter: 0.2 };

t.test('doubles with each failure in a row, up to the limit', async (t) => {
  const delays = [1, 2, 3, 4, 5, 6, 10_000].map((n) => backOffDelay(backOff, n, 0.5));
  t.same(delays, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

t.test('is spread by its jitter and never above the limit', async (t) => {
  t.equal(backOffDelay(backOff, 1, 0), 1_600);
  t.equal(backOffDelay(backOff, 1, 1), 2_400);
  t.equal(backOffDelay(backOff, 9, 0), 24_000);
  t.equal(backOffDelay(backOff, 9, 1), 30_000);
  t.equal(spread(1_000, 0, 0.9), 1_000);
});
