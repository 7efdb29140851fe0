import t from 'tap';
import { describeError, describeExitReason } from '../../../lib/supervisor/child.ts';

t.test('an exit reason is described in one line', async (t) => {
  t.equal(describeExitReason({ type: 'normal' }), 'normal');
  t.equal(describeExitReason({ type: 'shutdown' }), 'shutdown');
  t.equal(describeExitReason({ type: 'killed' }), 'killed');
  t.equal(describeExitReason({ type: 'error', error: new Error('no') }), 'error: no');
});

t.test('whatever was thrown has a description', async (t) => {
  t.equal(describeError(new TypeError('no')), 'no');
  t.equal(describeError('text'), 'text');
  t.equal(describeError(undefined), 'undefined');
});
