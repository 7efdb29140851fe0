import t from 'tap';
import type { ConnectionFigures } from '../../../../lib/telemetry/metrics/node.ts';
import { setUpMetrics } from '../../../support/metrics-under-test.ts';
import { seriesValue } from '../../../support/prometheus-text.ts';

const PER_PEER = [
  'hello_distributed_connection_received_bytes_total',
  'hello_distributed_connection_sent_bytes_total',
  'hello_distributed_connection_queue_bytes',
] as const;

function setUp(connections: readonly ConnectionFigures[]) {
  const current = { connections };
  const node = {
    ...{ name: 'a@h', version: '1.2.3' },
    clusterNodes: () => current.connections.length + 1,
    connections: () => current.connections,
    processes: () => 7,
    mailboxes: () => ({ messages: 4, longest: 3 }),
  };
  return { current, ...setUpMetrics({ node }) };
}

t.test('every peer has its bytes and its queue', async (t) => {
  const peer = 'b@h';
  const { read } = setUp([{ peer, bytesReceived: 10, bytesWritten: 20, bytesQueued: 30 }]);
  const families = await read();
  t.strictSame(
    PER_PEER.map((name) => seriesValue(families, name, { peer })),
    [10, 20, 30],
  );
  t.equal(seriesValue(families, 'hello_distributed_cluster_nodes'), 2);
  t.equal(seriesValue(families, 'hello_distributed_processes'), 7);
  t.equal(seriesValue(families, 'hello_distributed_mailbox_messages'), 4);
  t.equal(seriesValue(families, 'hello_distributed_mailbox_longest_messages'), 3);
  t.equal(seriesValue(families, 'hello_distributed_info', { node: 'a@h', version: '1.2.3' }), 1);
});

t.test('a thousand peers that come and go leave nothing behind', async (t) => {
  const { current, read } = setUp([]);
  for (let at = 0; at < 1_000; at += 1) {
    const bytes = { bytesReceived: 1, bytesWritten: 1, bytesQueued: 1 };
    current.connections = [{ peer: `peer${at}@h`, ...bytes }];
    if (at % 100 === 0) await read();
  }
  const families = await read();
  for (const name of PER_PEER) {
    t.strictSame(
      families.get(name)?.series.map(({ labels }) => labels.peer),
      ['peer999@h'],
      name,
    );
  }
  current.connections = [];
  const later = await read();
  for (const name of PER_PEER) t.strictSame(later.get(name)?.series, [], name);
});

t.test('connections that come, go and are refused are counted, for few reasons', async (t) => {
  const { telemetry, read } = setUp([]);
  telemetry.execute('distribution.node.up', {}, { peer: 'b@h' });
  telemetry.execute('distribution.node.down', {}, { peer: 'b@h', reason: 'net_tick_timeout' });
  for (let at = 0; at < 100; at += 1) {
    telemetry.execute('distribution.node.down', {}, { reason: `reason${at}` });
    telemetry.execute('distribution.handshake.refused', {}, { code: `code${at}` });
  }
  const families = await read();
  t.equal(seriesValue(families, 'hello_distributed_nodeups_total'), 1);
  const reason = 'net_tick_timeout';
  t.equal(seriesValue(families, 'hello_distributed_nodedowns_total', { reason }), 1);
  t.equal(families.get('hello_distributed_nodedowns_total')?.series.length, 21);
  t.equal(families.get('hello_distributed_handshakes_refused_total')?.series.length, 21);
});
