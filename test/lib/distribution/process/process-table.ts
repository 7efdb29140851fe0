import { test } from 'tap';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import type { Term } from '../../../../lib/distribution/terms/term.ts';
import { ProcessNetwork } from '../../../support/process-network.ts';

test('a message to a process of another node arrives in its mailbox', async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x']);
  t.teardown(() => network.stop());
  const seen: Term[] = [];
  const receiver = network.table('b@x').spawn(async (self) => {
    seen.push(await self.receive());
  });
  const sender = network.table('a@x').spawnServer({ onMessage: () => {} });
  sender.send(receiver.pid, atom('hello'));
  t.match(await receiver.exited, { name: 'normal' });
  t.match(seen, [{ name: 'hello' }]);
});
