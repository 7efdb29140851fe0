/** One counter for Elixir and us: whichever side owns it, the other calls it, and HTTP serves it. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { Application } from '../../lib/application.ts';
import { loadConfig } from '../../lib/config.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { type Cluster, startCluster } from '../support/interop.ts';
import { elixirPeer, until } from '../support/peers.ts';

const elixir = { skip: elixirPeer.skip };

/** What a Phoenix application's PubSub is to other nodes. */
const PUBSUB = readFileSync(new URL('../support/pg2-pubsub.exs', import.meta.url), 'utf8');

/** The module of the Elixir original, as it comes to the wire. */
const DISTRIBUTED_COUNTER = `
defmodule HelloDistributed.DistributedCounter do
  use GenServer

  def start_link(initial \\\\ 0) do
    case GenServer.start_link(__MODULE__, initial, name: {:global, __MODULE__}) do
      {:error, {:already_started, _pid}} -> :ignore
      started -> started
    end
  end

  def increment, do: GenServer.call({:global, __MODULE__}, :increment)
  def get, do: GenServer.call({:global, __MODULE__}, :get)

  @impl true
  def init(count), do: {:ok, count}

  @impl true
  def handle_call(:increment, _from, count), do: {:reply, count + 1, count + 1}
  def handle_call(:get, _from, count), do: {:reply, count, count}
end`;

async function startApplication(
  t: { teardown(fn: () => unknown): void },
  { cookie, epmdPort }: Cluster,
  name: string,
): Promise<Application> {
  const config = loadConfig({
    argv: [],
    env: {
      ...{ PORT: '0', NODE_NAME: `${name}@127.0.0.1`, ERLANG_COOKIE: cookie },
      ERL_EPMD_PORT: String(epmdPort),
    },
  });
  const telemetry = new Telemetry();
  const application = await Application.start({
    ...{ config, telemetry },
    cookie: { cookie, source: 'explicit' },
  });
  t.teardown(() => application.stop());
  return application;
}

async function json({ url }: Application, path: string, method = 'GET'): Promise<unknown> {
  const response = await fetch(`${url}${path}`, { method });
  if (response.status !== 200) throw new Error(`${method} ${path}: ${response.status}`);
  return response.json();
}

t.test('Elixir calls our counter', elixir, async (t) => {
  const cluster = await startCluster(t);
  const application = await startApplication(t, cluster, 'ours');
  const iex = await cluster.elixir('iex');
  t.equal(await iex.eval('Node.connect(:"ours@127.0.0.1")'), 'true');
  await iex.evalUntil(
    ':global.whereis_name(HelloDistributed.DistributedCounter) != :undefined',
    'true',
  );
  const call = (request: string): Promise<string> =>
    iex.eval(`GenServer.call({:global, HelloDistributed.DistributedCounter}, ${request})`);
  t.equal(await call(':get'), '0');
  t.equal(await call(':increment'), '1');
  t.match(await json(application, '/counter'), { count: 1, node: 'ours@127.0.0.1' });
  t.match(await json(application, '/counter/increment', 'POST'), { count: 2 });
  t.equal(await call(':get'), '2');
  t.match(await json(application, '/nodes'), {
    current_node: 'ours@127.0.0.1',
    connected_nodes: [iex.name],
    all_nodes: ['ours@127.0.0.1', iex.name],
    total_nodes: 2,
  });

  await t.test('the original finds its name taken', async (t) => {
    await iex.eval(DISTRIBUTED_COUNTER);
    t.equal(await iex.eval('HelloDistributed.DistributedCounter.start_link()'), ':ignore');
    t.equal(await iex.eval('HelloDistributed.DistributedCounter.increment()'), '3');
  });

  await t.test('both count at once, and nothing is lost', async (t) => {
    const each = 200;
    const counting = iex.eval(`
      1..${each}
      |> Task.async_stream(fn _ -> HelloDistributed.DistributedCounter.increment() end, max_concurrency: 20)
      |> Enum.map(fn {:ok, count} -> count end)`);
    const requests = Array.from({ length: each }, async () => {
      const { count } = (await json(application, '/counter/increment', 'POST')) as {
        count: number;
      };
      return count;
    });
    const counts = [...(await Promise.all(requests)), ...(JSON.parse(await counting) as number[])];
    t.strictSame(
      counts.sort((a, b) => a - b),
      Array.from({ length: 2 * each }, (_, i) => i + 4),
    );
  });

  await t.test('an unknown request does the counter no harm', async (t) => {
    t.equal(await call('{:unknown, 1}'), '{:error, {:unknown_request, {:unknown, 1}}}');
    t.equal(await call(':get'), '403');
  });
});

t.test('Elixir subscribers see each value of ours, in order', elixir, async (t) => {
  const cluster = await startCluster(t);
  const iex = await cluster.elixir('iex');
  await iex.eval(PUBSUB);
  await iex.eval('pubsub = PG2PubSub.start(HelloDistributed.PubSub, 1, 1)');
  await iex.eval('PG2PubSub.subscribe(pubsub, "counter")');
  const [first, second] = [
    await startApplication(t, cluster, 'ours1'),
    await startApplication(t, cluster, 'ours2'),
  ];
  const members = ':pg.get_members(Phoenix.PubSub, HelloDistributed.PubSub.Adapter)';
  await until(async () => (await iex.eval(`length(${members})`)) === '3', {
    what: 'three members',
  });
  // What a node over there says comes behind what its scope has told of its members.
  const heard = [first, second].map(
    ({ pubsub }) => new Promise((resolve) => pubsub?.subscribe('hello', resolve)),
  );
  await iex.eval(`PG2PubSub.broadcast(pubsub, "hello", :there)`);
  await Promise.all(heard);
  await Promise.all(
    [...Array(20)].flatMap(() => [first.counter.increment(), second.counter.increment()]),
  );
  const owner = first.counter.isOwner ? 'ours1' : 'ours2';
  const expected = Array.from(
    { length: 40 },
    (_, at) => `%{count: ${at + 1}, node: "${owner}@127.0.0.1"}`,
  );
  t.equal(await iex.eval('PG2PubSub.take(40)'), `[${expected.join(', ')}]`);
});

t.test('we serve a counter that Elixir owns', elixir, async (t) => {
  const cluster = await startCluster(t);
  const iex = await cluster.elixir('iex');
  await iex.eval(DISTRIBUTED_COUNTER);
  await iex.eval('{:ok, _} = HelloDistributed.DistributedCounter.start_link(40)');
  const [first, second] = await Promise.all([
    startApplication(t, cluster, 'ours1'),
    startApplication(t, cluster, 'ours2'),
  ]);
  t.equal(await iex.eval('Node.list() |> Enum.sort()'), '[:"ours1@127.0.0.1", :"ours2@127.0.0.1"]');
  const seen: unknown[] = [];
  first.pubsub?.subscribe('counter', (message) => seen.push(message));
  const ready = first.pubsub?.messages('ready');
  await until(
    () => {
      second.pubsub?.broadcast('ready', true);
      return (first.pubsub?.figures.received ?? 0) > 0;
    },
    { what: 'the second to be heard by the first' },
  );
  await ready?.return();
  t.strictSame(await json(first, '/counter'), { count: 40, node: 'ours1@127.0.0.1' });
  t.strictSame(await json(second, '/counter/increment', 'POST'), {
    ...{ count: 41, node: 'ours2@127.0.0.1', message: 'Counter incremented' },
  });
  t.equal(await iex.eval('HelloDistributed.DistributedCounter.increment()'), '42');
  t.match(await json(first, '/counter'), { count: 42 });
  t.equal(
    await iex.eval(':global.whereis_name(HelloDistributed.DistributedCounter) |> node()'),
    `:"${iex.name}"`,
  );
  t.equal((await first.counter.increment({ timeoutMs: 1_000 })).toString(), '43');
  const published = [41, 43].map((count) => ({ count, node: iex.name }));
  await until(() => seen.length >= 2, { what: 'what ours were answered, whichever of them' });
  t.strictSame(seen, published, 'what Elixir counts for others nobody publishes');

  await t.test('counts beyond 2^53', async (t) => {
    await iex.eval(`:sys.replace_state({:global, HelloDistributed.DistributedCounter},
      fn _ -> 9_007_199_254_740_991 end)`);
    t.equal((await first.counter.increment()).toString(), '9007199254740992');
    const response = await fetch(`${second.url}/counter`);
    t.match(await response.text(), '"count":9007199254740992');
  });

  await t.test('one of us goes on from the last known value once Elixir is gone', async (t) => {
    await iex.kill();
    t.equal((await first.counter.increment()).toString(), '9007199254740993');
    t.equal((await second.counter.get()).toString(), '9007199254740993');
    t.not(first.counter.isOwner, second.counter.isOwner);
  });
});
