import t from 'tap';
import { LocalAdapter } from '../../../lib/pubsub/adapter-local.ts';
import { pubsubAdapterContract } from '../../support/pubsub-adapter-contract.ts';

pubsubAdapterContract('LocalAdapter', { one: async () => new LocalAdapter() });

t.test('its name is that of a node without a name, unless it is given one', async (t) => {
  t.equal(new LocalAdapter().name, 'nonode@nohost');
  t.equal(new LocalAdapter('a@h').name, 'a@h');
});
