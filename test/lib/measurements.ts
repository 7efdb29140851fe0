import t from 'tap';
import { atom, startNode } from '../../lib/distribution/index.ts';
import { nodeFigures, nodeSources } from '../../lib/measurements.ts';
import { Poller } from '../../lib/telemetry/poller.ts';
import { type Measurements, Telemetry } from '../../lib/telemetry/telemetry.ts';

t.test('a poll measures connections, processes and mailboxes', async (t) => {
  const telemetry = new Telemetry();
  const node = await startNode();
  t.teardown(() => node.stop());
  const measured = new Map<string, Measurements>();
  telemetry.attach('test', '*', (event, measurements, metadata) => {
    if (metadata.node === 'nonode@nohost') measured.set(event, measurements);
  });
  const { processes } = node.local;
  const slow = processes.spawn(async (self) => {
    await self.receive({ match: (message) => message === 3 });
  });
  for (const message of [1, 2]) processes.send(processes.nobody, slow.pid, message);
  const other = processes.spawn(async (self) => {
    await self.receive({ match: () => false });
  });
  processes.send(processes.nobody, other.pid, atom('unheard'));
  const before = processes.sizes;

  new Poller({ telemetry, sources: nodeSources(node.local) }).poll();
  t.strictSame(Object.fromEntries(measured), {
    'distribution.connections': { count: 0, bytesReceived: 0, bytesWritten: 0, bytesQueued: 0 },
    'vm.processes': before,
    'vm.mailboxes': { messages: 3, longest: 2 },
  });
});

t.test('the figures of a node are those of the moment', async (t) => {
  const node = await startNode();
  t.teardown(() => node.stop());
  const figures = nodeFigures(node.local, '1.2.3');
  t.match(figures, { name: 'nonode@nohost', version: '1.2.3' });
  t.equal(figures.clusterNodes(), 1);
  t.strictSame([...figures.connections()], []);
  const before = figures.processes();
  const waiting = node.local.processes.spawn(async (self) => {
    await self.receive({ match: () => false });
  });
  node.local.processes.send(node.local.processes.nobody, waiting.pid, 1);
  t.equal(figures.processes(), before + 1);
  t.strictSame(figures.mailboxes(), { messages: 1, longest: 1 });
});
