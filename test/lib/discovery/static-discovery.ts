import t from 'tap';
import type { DiscoverySource } from '../../../lib/discovery/discovery.ts';
import { StaticDiscovery } from '../../../lib/discovery/static-discovery.ts';

t.test('names each node once, never our own', async (t) => {
  const nodes = ['a@127.0.0.1', 'b@127.0.0.1', 'a@127.0.0.1', 'me@127.0.0.1'];
  const source: DiscoverySource = new StaticDiscovery(nodes, 'me@127.0.0.1');
  t.same(await source.discover(), ['a@127.0.0.1', 'b@127.0.0.1']);
  t.equal(source.incarnationOf, undefined, 'dialled for ever');
});
