import { test } from 'tap';
import { boss } from '../../../../../lib/distribution/kernel/global/boss.ts';

test('is the greatest name by bytes', async (t) => {
  t.equal(boss(['b@h', 'c@h', 'a@h']), 'c@h');
  t.equal(boss(['B@h', 'a@h']), 'a@h');
  t.equal(boss(['a@h']), 'a@h');
  t.equal(boss(['a@h', 'a@h1']), 'a@h1');
});
