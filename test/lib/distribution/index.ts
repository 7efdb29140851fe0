import { test } from 'tap';
import { atom, type Process, startGenServer, startNode } from '../../../lib/distribution/index.ts';
import { freePort } from '../../support/free-ports.ts';
import { until } from '../../support/until.ts';

test('the example of the header works: connect, call by global name, stop', async (t) => {
  const epmdPort = await freePort();
  const b = await startNode({ name: 'b@127.0.0.1', cookie: 'secret', epmdPort });
  t.teardown(() => b.stop());
  let count = 0;
  const server = await startGenServer(b.local.processes, {
    handleCall: () => {
      count += 1;
      return { reply: count };
    },
  });
  if (server.type === 'ignore') throw new Error('expected a server');
  t.ok(await b.global.registerName(atom('counter'), server.pid));

  const node = await startNode({ name: 'a@127.0.0.1', cookie: 'secret', epmdPort });
  t.teardown(() => node.stop());
  await node.local.connect('b@127.0.0.1');
  t.ok(await node.global.whenSynced(['b@127.0.0.1'], 5_000));
  t.equal(await node.client.call({ global: atom('counter') }, atom('increment')), 1);
  await node.stop();
  await until(() => b.local.nodes().length === 0, { what: 'b sees a leave' });
});

test('what it exports is enough for a process that talks with one on another node', async (t) => {
  const epmdPort = await freePort();
  const a = await startNode({ name: 'a@127.0.0.1', cookie: 'secret', epmdPort });
  const b = await startNode({ name: 'b@127.0.0.1', cookie: 'secret', epmdPort });
  t.teardown(() => Promise.all([a.stop(), b.stop()]));
  const echo = async (self: Process): Promise<void> => {
    const message = await self.receive();
    self.send({ name: 'asker', node: 'a@127.0.0.1' }, message);
  };
  b.local.processes.spawn(echo, { name: 'echo' });
  const answer = new Promise((resolve, reject) => {
    a.local.processes.spawn(
      async (self) => {
        self.send({ name: 'echo', node: 'b@127.0.0.1' }, atom('hello'));
        await self.receive({ timeoutMs: 5_000 }).then(resolve, reject);
      },
      { name: 'asker' },
    );
  });
  t.match(await answer, { name: 'hello' });
});
