import t from 'tap';
import { Port } from '../../../../lib/distribution/terms/port.ts';

t.test('is equal when node, id and creation are', async (t) => {
  const port = new Port('a@h', 5n, 1);
  t.ok(port.equals(new Port('a@h', 5n, 1)));
  t.notOk(port.equals(new Port('b@h', 5n, 1)));
  t.notOk(port.equals(new Port('a@h', 6n, 1)));
  t.notOk(port.equals(new Port('a@h', 5n, 2)));
});

t.test('prints all 64 bits of its id', async (t) => {
  t.equal(`${new Port('a@h', 2n ** 63n + 1n, 1)}`, '#Port<a@h.9223372036854775809>');
});
