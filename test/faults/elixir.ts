/**
 * One counter in a cluster of ours and live Elixir nodes: either side dies, and either side loses the
 * name when two counters meet.
 */
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { FaultCluster, type Member } from '../support/faults/cluster.ts';
import { send } from '../support/faults/load.ts';
import {
  CLIENTS,
  expectNoFindings,
  expectOrderlyStops,
  seedOf,
  underLoad,
} from '../support/faults/run-schedule.ts';
import { freePort } from '../support/free-ports.ts';
import {
  elixirPeer,
  type Peer,
  type PrivateEpmd,
  startElixir,
  startEpmd,
} from '../support/peers.ts';

const skip = elixirPeer.skip;
const seed = seedOf();
const COOKIE = 'faults_elixir';

t.setTimeout(240_000);

/** The module of the Elixir original. */
const DISTRIBUTED_COUNTER = `
defmodule HelloDistributed.DistributedCounter do
  use GenServer

  def start(initial \\\\ 0) do
    GenServer.start(__MODULE__, initial, name: {:global, __MODULE__})
  end

  @impl true
  def init(count), do: {:ok, count}

  @impl true
  def handle_call(:increment, _from, count), do: {:reply, count + 1, count + 1}
  def handle_call(:get, _from, count), do: {:reply, count, count}
end`;

const NAME = 'HelloDistributed.DistributedCounter';
const OWNER = `case :global.whereis_name(${NAME}) do :undefined -> nil; pid -> node(pid) end`;

async function startEpmdFor(t: Test): Promise<PrivateEpmd> {
  const epmd = await startEpmd(await freePort());
  t.teardown(() => epmd.stop());
  return epmd;
}

async function startPeer(t: Test, epmd: PrivateEpmd, name: string, cookie = COOKIE): Promise<Peer> {
  const peer = await startElixir({ name: `${name}@127.0.0.1`, cookie, epmdPort: epmd.port });
  t.teardown(() => peer.kill());
  await peer.eval(DISTRIBUTED_COUNTER);
  return peer;
}

function startOurs(
  t: Test,
  epmd: PrivateEpmd,
  size: number,
  peers: readonly Peer[] = [],
): Promise<FaultCluster> {
  const guests = peers.map(({ name }) => name);
  return FaultCluster.start(t, { size, epmdPort: epmd.port, cookie: COOKIE, guests });
}

/** Makes a peer a member of a cluster that is there. */
async function join(peer: Peer, cluster: FaultCluster): Promise<void> {
  for (const { name } of cluster.members) await peer.eval(`Node.connect(:"${name}")`);
  cluster.guests.add(peer.name);
  await cluster.whole();
}

async function increment({ url }: Member, key?: string): Promise<number | undefined> {
  const outcome = await send(url ?? '', { method: 'POST', path: '/counter/increment', key });
  return outcome.type === 'answered' ? outcome.count : undefined;
}

/** As the callers of the original do: a call that fails is tried again, since it counted nothing yet. */
const increments = (count: number): string => `
  Enum.map(1..${count}, fn _ ->
    Process.sleep(2)
    try do
      GenServer.call({:global, ${NAME}}, :increment)
    catch
      :exit, _ -> Process.sleep(20); :unknown
    end
  end)`;

t.test('our nodes die and stop while Elixir counts', { skip }, async (t) => {
  const epmd = await startEpmdFor(t);
  const cluster = await startOurs(t, epmd, 3);
  const iex = await startPeer(t, epmd, 'iex');
  await join(iex, cluster);
  const before = await cluster.agreedCount();
  const counting = iex.eval(increments(1_500), { timeoutMs: 120_000, as: 'caller' });
  for (const index of [0, 1, 2]) {
    await delay(300);
    if (index === 1) await cluster.stop(cluster.member(index));
    else await cluster.member(index).kill();
    await cluster.member(index).start();
    await cluster.whole();
  }
  const answers = (await counting).replace(/[[\]\s]/g, '').split(',');
  const counts = answers.filter((answer) => answer !== ':unknown').map(Number);
  const unknown = answers.length - counts.length;
  const counted = (await cluster.agreedCount()) - before;
  t.comment(`${counts.length} acknowledged, ${unknown} unknown, ${counted} counted`);
  t.ok(counted >= counts.length, 'every acknowledged increment of Elixir counts');
  t.ok(counted <= counts.length + unknown, 'and none twice');
  t.ok(
    counts.every((count, at) => at === 0 || count > counts[at - 1]!),
    'the values never go back, nor repeat',
  );
  expectOrderlyStops(t, cluster);
});

t.test('our nodes die under load with Elixir in the cluster', { skip }, async (t) => {
  const epmd = await startEpmdFor(t);
  const iex = await startPeer(t, epmd, 'iex');
  const cluster = await startOurs(t, epmd, 3, [iex]);
  const result = await underLoad({ cluster, seed, clients: CLIENTS }, async () => {
    for (const member of cluster.members) {
      await delay(200);
      await member.kill();
      await member.start();
      await cluster.whole();
    }
  });
  expectNoFindings(t, result, cluster);
  t.match(await iex.eval(OWNER), /^:"node\d@127\.0\.0\.1"$/, 'Elixir sees our owner');
});

t.test('we take over from Elixir, and Elixir from us', { skip }, async (t) => {
  const epmd = await startEpmdFor(t);
  const [first, second] = await Promise.all([
    startPeer(t, epmd, 'iex1'),
    startPeer(t, epmd, 'iex2'),
  ]);
  await first.eval(`{:ok, _} = ${NAME}.start(40)`);
  await first.eval(`Node.connect(:"${second.name}")`);
  const cluster = await startOurs(t, epmd, 2, [first, second]);
  const [one, two] = [cluster.member(0), cluster.member(1)];
  t.equal(await increment(one), 41, 'we use it as it is');
  t.equal(await increment(two), 42);
  t.equal(await second.eval(OWNER), ':"iex1@127.0.0.1"');
  t.equal(await increment(one, 'key'), 43);
  t.equal(await increment(two, 'key'), 43, 'it knows no keys, but our nodes do, all of them');

  cluster.guests.delete(first.name);
  await first.kill();
  t.equal(await increment(one), 44, 'one of ours goes on from the last value that we know');
  t.equal(await increment(two), 45);
  t.equal(await increment(two, 'key'), 43, 'and knows the key');
  t.equal(
    await second.eval(`GenServer.call({:global, ${NAME}}, :increment)`),
    '46',
    'for Elixir too',
  );
  t.match(await second.eval(OWNER), /node\d@/);

  await Promise.all([one.kill(), two.kill()]);
  await second.evalUntil(OWNER, 'nil');
  await second.eval(`{:ok, _} = ${NAME}.start(46)`);
  await Promise.all([one.start(), two.start()]);
  await second.eval(`Node.connect(:"${one.name}")`);
  await cluster.whole();
  t.equal(await increment(one), 47, 'Elixir has taken over');
  t.equal(await second.eval(`GenServer.call({:global, ${NAME}}, :get)`), '47');
});

// Of two owners `global` kills the one on the node with the greater name, whichever side runs it.
for (const [title, elixirName, loser] of [
  ['ours stays', 'zz', 'elixir'],
  ['the counter of Elixir stays', 'aa', 'ours'],
] as const) {
  t.test(`two counters meet: ${title}`, { skip }, async (t) => {
    const epmd = await startEpmdFor(t);
    const cluster = await startOurs(t, epmd, 2);
    const [one, two] = [cluster.member(0), cluster.member(1)];
    for (let count = 1; count <= 10; count += 1) t.equal(await increment(one), count);
    // No node of ours connects with it before it has a counter of its own.
    const iex = await startPeer(t, epmd, elixirName, 'another');
    await iex.eval(`{:ok, _} = ${NAME}.start(100)`);
    await iex.eval(`Node.set_cookie(:${COOKIE})`);
    await join(iex, cluster);
    const kept = loser === 'elixir' ? /^:"node\d@127\.0\.0\.1"$/ : /^:"aa@127\.0\.0\.1"$/;
    await iex.evalUntil(OWNER, kept);
    const agreed = await cluster.agreedCount();
    t.equal(await increment(two), agreed + 1, 'there is one counter');
    t.equal(await iex.eval(`GenServer.call({:global, ${NAME}}, :increment)`), `${agreed + 2}`);
    t.equal(await increment(one), agreed + 3);
    t.ok(agreed >= 10, `nothing of ours is lost: ${agreed}`);
    t.notMatch(iex.log, /crash|badarg/i, 'OTP is content');

    if (loser === 'ours') {
      cluster.guests.delete(iex.name);
      await iex.kill();
      const next = (await increment(one)) ?? 0;
      t.ok(next >= agreed + 4, `we take over from the last value that we know: ${next}`);
      t.equal(await increment(two), next + 1);
    }
    if (t.passing() === false) t.comment(cluster.logs());
  });
}
