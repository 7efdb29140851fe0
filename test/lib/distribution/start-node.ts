import { test } from 'tap';
import { COUNTER_NAME, Counter } from '../../../lib/counter.ts';
import { atom } from '../../../lib/distribution/index.ts';
import { type DistributedNode, startNode } from '../../../lib/distribution/start-node.ts';
import { freePort } from '../../support/free-ports.ts';
import { until } from '../../support/until.ts';

test('twenty nodes in one process form a full mesh and agree on one owner', async (t) => {
  const epmdPort = await freePort();
  const nodes: DistributedNode[] = [];
  t.teardown(() => Promise.all(nodes.map((node) => node.stop())));
  for (let i = 0; i < 20; i += 1) {
    nodes.push(await startNode({ name: `n${i}@127.0.0.1`, cookie: 'mesh', epmdPort }));
  }
  const [first, ...others] = nodes;
  await Promise.all(others.map((node) => node.local.connect(first!.local.name)));
  const others19 = nodes.length - 1;
  await until(() => nodes.every((node) => node.local.nodes().length === others19), {
    timeoutMs: 30_000,
    what: () => `a full mesh, have ${nodes.map((node) => node.local.nodes().length)}`,
  });
  await Promise.all(nodes.map((node) => node.global.whenSynced(node.local.nodes(), 30_000)));

  const counters = nodes.map((node) => new Counter({ node }));
  await Promise.all(counters.map((counter) => counter.start()));
  t.equal(counters.filter(({ isOwner }) => isOwner).length, 1, 'one counter in all');
  const owners = nodes.map((node) => node.global.whereisName(COUNTER_NAME)?.toString());
  t.equal(new Set(owners).size, 1, 'one owner for all');
  t.ok(owners[0]);

  const counts = await Promise.all(
    nodes.map((node) => node.client.call({ global: COUNTER_NAME }, atom('increment'))),
  );
  t.strictSame(
    counts.map(Number).sort((a, b) => a - b),
    Array.from({ length: nodes.length }, (_, i) => i + 1),
  );
  for (const node of nodes) t.strictSame(node.global.locks(), [], 'no lock is left');
});

test('a node without a name has its names to itself', async (t) => {
  const node = await startNode();
  t.teardown(() => node.stop());
  const counter = new Counter({ node });
  await counter.start();
  t.equal(await node.client.call({ global: COUNTER_NAME }, atom('increment')), 1);
  t.equal(await counter.increment(), 2);
});

test('the end of a node frees all that it held', async (t) => {
  const epmdPort = await freePort();
  for (let i = 0; i < 3; i += 1) {
    const node = await startNode({ name: 'again@127.0.0.1', cookie: 'c', epmdPort });
    await node.stop();
  }
  t.pass('the same name and ports, three times');
});
