import t from 'tap';
import type { ExitReason } from '../../../lib/supervisor/child.ts';
import {
  checkStrategy,
  isRestarted,
  restartGroup,
  type Strategy,
} from '../../../lib/supervisor/strategy.ts';

t.test('each strategy restarts its group, in start order', async (t) => {
  const children = ['a', 'b', 'c', 'd'];
  t.same(restartGroup('one_for_one', children, 'b'), ['b']);
  t.same(restartGroup('one_for_all', children, 'b'), ['a', 'b', 'c', 'd']);
  t.same(restartGroup('rest_for_one', children, 'b'), ['b', 'c', 'd']);
  t.same(restartGroup('rest_for_one', children, 'a'), children);
  t.same(restartGroup('rest_for_one', children, 'd'), ['d']);
});

t.test('a group is a copy: the list may change while the group is restarted', async (t) => {
  const children = ['a', 'b'];
  t.not(restartGroup('one_for_all', children, 'a'), children);
});

t.test('whether a child is restarted follows from its kind and its reason', async (t) => {
  const reasons: ExitReason[] = [
    { type: 'normal' },
    { type: 'shutdown' },
    { type: 'killed' },
    { type: 'error', error: new Error('no') },
  ];
  const table = (kind: 'permanent' | 'transient' | 'temporary') =>
    reasons.map((reason) => isRestarted(kind, reason));
  t.same(table('permanent'), [true, true, true, true]);
  t.same(table('transient'), [false, false, true, true]);
  t.same(table('temporary'), [false, false, false, false]);
});

t.test('an unknown strategy is refused', async (t) => {
  t.throws(() => checkStrategy('simple_one_for_one' as Strategy), /one_for_one, one_for_all, rest/);
  t.equal(checkStrategy('one_for_all'), 'one_for_all');
});
