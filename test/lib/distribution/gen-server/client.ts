import { test } from 'tap';
import { GenServerClient } from '../../../../lib/distribution/gen-server/client.ts';
import {
  type CallResult,
  type GenServer,
  startGenServer,
} from '../../../../lib/distribution/gen-server/gen-server.ts';
import { atom, isAtom } from '../../../../lib/distribution/terms/atom.ts';
import type { Term } from '../../../../lib/distribution/terms/term.ts';
import { ProcessNetwork } from '../../../support/process-network.ts';

class Counter implements GenServer {
  #count = 0;

  handleCall(request: Term): CallResult {
    if (isAtom(request, 'increment')) this.#count += 1;
    return { reply: this.#count };
  }
}

test('calls a server on this node and one on another', async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x']);
  t.teardown(() => network.stop());
  await startGenServer(network.table('a@x'), new Counter(), { name: 'counter' });
  await startGenServer(network.table('b@x'), new Counter(), { name: 'counter' });
  const client = new GenServerClient({ processes: network.table('a@x') });
  t.equal(await client.call(atom('counter'), atom('increment')), 1);
  t.equal(await client.call({ name: 'counter', node: 'b@x' }, atom('get')), 0);
});
