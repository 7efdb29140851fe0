import { test } from 'tap';
import { backOffMs } from '../../../../../lib/distribution/kernel/global/back-off.ts';

test('grows from 125 ms to 8 s, and is random below', async (t) => {
  const limits = [0, 1, 2, 3, 4, 5, 6, 60].map((failures) => backOffMs(failures, () => 1));
  t.same(limits, [125, 250, 500, 1000, 2000, 4000, 8000, 8000]);
  t.equal(
    backOffMs(6, () => 0.5),
    4000,
  );
  t.equal(
    backOffMs(6, () => 0),
    0,
  );
});
