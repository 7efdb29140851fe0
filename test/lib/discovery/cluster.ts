import { type Test, test } from 'tap';
import type { DistributionConfig } from '../../../lib/config.ts';
import { Cluster, type ClusterOptions } from '../../../lib/discovery/cluster.ts';
import { startNode } from '../../../lib/distribution/index.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { freePort } from '../../support/free-ports.ts';

async function nodes(t: Test, ...names: string[]) {
  const epmdPort = await freePort();
  const started = [];
  for (const name of names) {
    const node = await startNode({ name, cookie: 'cluster', epmdPort });
    t.teardown(() => node.stop());
    started.push(node);
  }
  const distribution: DistributionConfig = {
    cookie: 'cluster',
    cookieFiles: ['unused'],
    epmdPort,
    netTickTimeMs: 60_000,
    connectNodes: [],
    peersFile: undefined,
    listenHost: undefined,
    listenPorts: undefined,
    avoidPorts: [],
    commonPort: undefined,
  };
  return { started, distribution };
}

async function start(t: Test, options: Omit<ClusterOptions, 'telemetry' | 'syncTimeoutMs'>) {
  const telemetry = new Telemetry();
  const events: string[] = [];
  const names = ['connected', 'dial_failed', 'refused', 'discovery_failed', 'sync_timeout'];
  telemetry.attach(
    'record',
    names.map((name) => `cluster.${name}`),
    (event, _measurements, metadata) => {
      events.push(`${event} ${metadata.peer}`);
    },
  );
  const child = await Cluster.start({ ...options, syncTimeoutMs: 5_000, telemetry });
  if (child !== 'ignore') t.teardown(() => child.shutdown());
  return { child, events };
}

test('a node outside of a cluster has nobody to look for', async (t) => {
  const node = await startNode();
  t.teardown(() => node.stop());
  const { child } = await start(t, { node, distribution: undefined, discoverOnLoopback: true });
  t.equal(child, 'ignore');
});

test('a start connects with the nodes named, and waits for their names', async (t) => {
  const { started, distribution } = await nodes(t, 'a@127.0.0.1', 'b@127.0.0.1');
  const [a, b] = started;
  if (a === undefined || b === undefined) throw new Error('expected two nodes');
  const { child, events } = await start(t, {
    node: a,
    distribution: { ...distribution, connectNodes: ['b@127.0.0.1'] },
    discoverOnLoopback: false,
  });
  t.not(child, 'ignore');
  t.strictSame(a.local.nodes(), ['b@127.0.0.1']);
  t.ok(a.global.synced('b@127.0.0.1'));
  t.strictSame(events, ['cluster.connected b@127.0.0.1']);
});

test('a node that is not there is told, and holds nobody up', async (t) => {
  const { started, distribution } = await nodes(t, 'a@127.0.0.1');
  const [a] = started;
  if (a === undefined) throw new Error('expected a node');
  const { child, events } = await start(t, {
    node: a,
    distribution: { ...distribution, connectNodes: ['absent@127.0.0.1'] },
    discoverOnLoopback: false,
  });
  if (child === 'ignore') throw new Error('expected a child');
  t.strictSame(events, ['cluster.dial_failed absent@127.0.0.1']);
  child.shutdown();
  t.strictSame(await child.exited, { type: 'shutdown' });
});

test('nodes on one loopback host find each other when they are meant to', async (t) => {
  const { started, distribution } = await nodes(t, 'a@127.0.0.1', 'b@127.0.0.1');
  const [a] = started;
  if (a === undefined) throw new Error('expected a node');
  const alone = await start(t, { node: a, distribution, discoverOnLoopback: false });
  t.equal(alone.child, 'ignore');
  t.strictSame(a.local.nodes(), []);
  const joined = await start(t, { node: a, distribution, discoverOnLoopback: true });
  t.not(joined.child, 'ignore');
  t.strictSame(a.local.nodes(), ['b@127.0.0.1']);
});
