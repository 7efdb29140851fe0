import t from 'tap';
import { add, isCount, max, subtract } from '../../../lib/counter/count.ts';

const LIMIT = Number.MAX_SAFE_INTEGER;

t.test('sums and differences are exact beyond 2^53, and numbers again below it', async (t) => {
  t.equal(add(LIMIT - 1, 1), LIMIT);
  t.equal(add(LIMIT, 1), 2n ** 53n);
  t.equal(add(2n ** 64n, 2), 2n ** 64n + 2n);
  t.equal(subtract(2n ** 53n, 1), LIMIT);
  t.equal(subtract(2n ** 60n, 2n ** 60n), 0);
  t.equal(max(3, 2n ** 53n), 2n ** 53n);
  t.equal(max(3, 2), 3);
});

t.test('a count has one form: a safe integer, or a bigint beyond', async (t) => {
  for (const good of [0, 1, LIMIT, 2n ** 53n]) t.ok(isCount(good), String(good));
  for (const bad of [-1, 0.5, Number.NaN, 2 ** 53, 1n, -(2n ** 60n), '1', undefined]) {
    t.notOk(isCount(bad), String(bad));
  }
});
