/** What the metrics tell of peers that are none of ours, and how many of them there may be. */
import t from 'tap';
import { Application } from '../../lib/application.ts';
import { loadConfig } from '../../lib/config.ts';
import { type DistributedNode, startNode } from '../../lib/distribution/index.ts';
import { attachLogger, createLogger } from '../../lib/telemetry/logger.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { freePort } from '../support/free-ports.ts';
import { type Cluster, startCluster } from '../support/interop.ts';
import { elixirPeer, erlangPeer, until } from '../support/peers.ts';
import { lintMetrics, parseMetrics, seriesValue } from '../support/prometheus-text.ts';

const RECEIVED = 'hello_distributed_connection_received_bytes_total';
const SENT = 'hello_distributed_connection_sent_bytes_total';

async function startApplication(
  t: { teardown(fn: () => unknown): void },
  { cookie, epmdPort }: Pick<Cluster, 'cookie' | 'epmdPort'>,
) {
  const env = {
    ...{ PORT: '0', NODE_NAME: 'ours@127.0.0.1', ERLANG_COOKIE: cookie },
    ...{ ERL_EPMD_PORT: String(epmdPort), LOG_FORMAT: 'json' },
  };
  const telemetry = new Telemetry();
  const lines: string[] = [];
  attachLogger(telemetry, createLogger({ destination: { write: (line) => lines.push(line) } }));
  const application = await Application.start({
    ...{ config: loadConfig({ argv: [], env }), telemetry },
    cookie: { cookie, source: 'explicit' },
  });
  t.teardown(() => application.stop());
  return { application, lines };
}

async function scrape({ url }: Application) {
  return parseMetrics(await (await fetch(`${url}/metrics`)).text());
}

t.test(
  'a BEAM node has its series as long as it is connected',
  { skip: erlangPeer.skip },
  async (t) => {
    const cluster = await startCluster(t);
    const { application } = await startApplication(t, cluster);
    const erl = await cluster.erl('erl');
    t.equal(await erl.eval("net_kernel:connect_node('ours@127.0.0.1')"), 'true');
    const peer = { peer: erl.name };
    await until(() => application.node.local.isConnected(erl.name));
    const families = await scrape(application);
    t.strictSame(lintMetrics(families), []);
    t.ok((seriesValue(families, RECEIVED, peer) ?? 0) > 0);
    t.ok((seriesValue(families, SENT, peer) ?? 0) > 0);
    t.equal(seriesValue(families, 'hello_distributed_cluster_nodes'), 2);
    await erl.kill();
    await until(() => !application.node.local.isConnected(erl.name));
    const later = await scrape(application);
    t.equal(seriesValue(later, RECEIVED, peer), undefined);
    t.equal(seriesValue(later, SENT, peer), undefined);
    t.equal(seriesValue(later, 'hello_distributed_cluster_nodes'), 1);
  },
);

t.test(
  'an owner of Elixir is asked as ever, whatever the log wants',
  { skip: elixirPeer.skip },
  async (t) => {
    const cluster = await startCluster(t);
    const iex = await cluster.elixir('iex');
    await iex.eval(`defmodule HelloDistributed.DistributedCounter do
    use GenServer
    def init(count), do: {:ok, count}
    def handle_call(:increment, _from, count), do: {:reply, count + 1, count + 1}
    def handle_call(:get, _from, count), do: {:reply, count, count}
  end`);
    const started =
      'GenServer.start(HelloDistributed.DistributedCounter, 0, name: {:global, HelloDistributed.DistributedCounter})';
    await iex.eval(`match?({:ok, _}, ${started})`);
    const { application, lines } = await startApplication(t, cluster);
    t.notOk(application.counter.isOwner);
    const headers = { 'x-request-id': 'asked-of-elixir' };
    const url = `${application.url}/counter/increment`;
    for (const count of [1, 2, 3]) {
      const response = await fetch(url, { method: 'POST', headers });
      t.match(await response.json(), { count });
    }
    t.equal(
      await iex.eval('GenServer.call({:global, HelloDistributed.DistributedCounter}, :get)'),
      '3',
    );
    t.ok(lines.some((line) => line.includes('asked-of-elixir')));
    const families = await scrape(application);
    t.equal(seriesValue(families, 'hello_distributed_owner'), 0);
    t.equal(seriesValue(families, 'hello_distributed_owner_registrations_total'), 1);
    t.equal(seriesValue(families, 'hello_distributed_increments'), 3);
  },
);

t.test('fifty peers take a fraction of a second of processor time', async (t) => {
  const setting = { cookie: 'fifty', epmdPort: await freePort() };
  const { application } = await startApplication(t, setting);
  const peers: DistributedNode[] = [];
  t.teardown(() => Promise.all(peers.map((peer) => peer.stop())));
  for (let at = 0; at < 50; at += 1) {
    const peer = await startNode({ name: `peer${at}@127.0.0.1`, hidden: true, ...setting });
    peers.push(peer);
    t.ok(await peer.local.connect('ours@127.0.0.1'));
  }
  await scrape(application);
  const before = process.cpuUsage();
  const families = await scrape(application);
  const { user, system } = process.cpuUsage(before);
  const milliseconds = (user + system) / 1000;
  t.equal(families.get(RECEIVED)?.series.length, 50);
  t.comment(`${milliseconds.toFixed(1)} ms of processor time, of server and client`);
  t.ok(milliseconds < 500, `${milliseconds} ms`);
});
