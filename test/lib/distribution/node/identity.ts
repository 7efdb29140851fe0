import { test } from 'tap';
import { aliveName, hostOf, NO_NODE } from '../../../../lib/distribution/node/identity.ts';

test('takes a node name apart at its only @', async (t) => {
  t.equal(aliveName('counter-1@10.0.0.7'), 'counter-1');
  t.equal(hostOf('counter-1@10.0.0.7'), '10.0.0.7');
  t.equal(`${aliveName(NO_NODE)} ${hostOf(NO_NODE)}`, 'nonode nohost');
});
