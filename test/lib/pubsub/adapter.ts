import { MemoryNetwork } from '../../support/memory-adapter.ts';
import { pubsubAdapterContract } from '../../support/pubsub-adapter-contract.ts';

// The interface has no code of its own; that its contract can be met is shown with two nodes in memory.
pubsubAdapterContract('an adapter in memory', {
  one: async () => new MemoryNetwork().adapter('one@memory'),
  pair: async () => {
    const network = new MemoryNetwork();
    return [network.adapter('one@memory'), network.adapter('two@memory')];
  },
  unsendable: () => {},
});
