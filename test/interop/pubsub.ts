/**
 * PubSub between nodes of ours and Elixir nodes that speak as Phoenix.PubSub's adapter on `pg` does, with
 * pools of equal and of different sizes. `test/support/pg2-pubsub.exs` is what Phoenix is over there.
 */
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { atom, inspectTerm, PgScope, type Term, tuple } from '../../lib/distribution/index.ts';
import { PgAdapter } from '../../lib/pubsub/adapter-pg.ts';
import { adapterName, PHOENIX_SCOPE, workerName } from '../../lib/pubsub/pg-pool.ts';
import { PubSub } from '../../lib/pubsub/pubsub.ts';
import { type Cluster, startCluster, type TestNode } from '../support/interop.ts';
import { elixirPeer, type Peer, until } from '../support/peers.ts';

const MODULE = readFileSync(new URL('../support/pg2-pubsub.exs', import.meta.url), 'utf8');
const NAME = 'HelloDistributed.PubSub';
const GROUP = atom(adapterName(NAME));

interface Ours {
  readonly node: TestNode;
  readonly scope: PgScope;
  readonly pubsub: PubSub;
  readonly adapter: PgAdapter;
}

async function startOurs(cluster: Cluster, name: string, poolSize: number): Promise<Ours> {
  const node = await cluster.node(name);
  const { local, telemetry } = node;
  const scope = PgScope.start({ node: local, scope: PHOENIX_SCOPE, telemetry });
  const sizes = { poolSize, broadcastPoolSize: poolSize };
  const adapter = new PgAdapter({ node: local, scope, pubsub: NAME, telemetry, ...sizes });
  return { node, scope, adapter, pubsub: await PubSub.start({ adapter, telemetry }) };
}

async function startPhoenix(peer: Peer, poolSize: number, broadcastPoolSize = poolSize) {
  await peer.eval(MODULE, { as: 'main' });
  await startAgain(peer, poolSize, broadcastPoolSize);
}

/** Each evaluator has its variables; this one's are shared by way of the application environment. */
async function startAgain(peer: Peer, poolSize: number, broadcastPoolSize = poolSize) {
  const start = `PG2PubSub.start(${NAME}, ${poolSize}, ${broadcastPoolSize})`;
  await peer.eval(`:persistent_term.put(:pubsub, ${start})`, { as: 'main' });
}

const P = ':persistent_term.get(:pubsub)';

/** Waits until every worker of either pool knows those of the other side. */
async function acquainted({ scope, node }: Ours, peer: Peer, poolSize: number): Promise<void> {
  for (let number = 1; number <= poolSize; number += 1) {
    const group = workerName(GROUP.name, number);
    await until(() => scope.members(atom(group)).some((pid) => pid.node === peer.name), {
      what: `${peer.name} in ${group} here`,
    });
    const members = `:pg.get_members(Phoenix.PubSub, :"${group}")`;
    const hasOurs = `Enum.any?(${members}, &(node(&1) == :"${node.name}"))`;
    await until(async () => (await peer.eval(hasOurs)) === 'true', {
      what: `our worker in ${group} at ${peer.name}`,
    });
  }
}

const collect = (pubsub: PubSub, topic: string): unknown[] => {
  const received: unknown[] = [];
  pubsub.subscribe(topic, (message) => received.push(message));
  return received;
};

/** Processes on the peer that send; which group each of them sends to is its pid's hash. */
const SENDERS = Array.from({ length: 8 }, (_, at) => `sender${at}`);

async function bothWays(t: Test, ours: Ours, peer: Peer): Promise<void> {
  const received = collect(ours.pubsub, 't');
  await Promise.all(
    SENDERS.map((sender) =>
      peer.eval(`for n <- 1..50, do: PG2PubSub.broadcast(${P}, "t", %{from: "${sender}", n: n})`, {
        as: sender,
      }),
    ),
  );
  await until(() => received.length === SENDERS.length * 50, {
    what: () => `every broadcast; ${received.length} came`,
  });
  for (const sender of SENDERS) {
    const numbers = (received as { from: string; n: number }[])
      .filter(({ from }) => from === sender)
      .map(({ n }) => n);
    t.strictSame(
      numbers,
      Array.from({ length: 50 }, (_, at) => at + 1),
      `${sender}, in order`,
    );
  }
  await peer.eval(`PG2PubSub.subscribe(${P}, "u")`, { as: 'subscriber' });
  for (let n = 1; n <= 100; n += 1) ours.pubsub.broadcast('u', n);
  ours.pubsub.directBroadcast(peer.name, 'u', 'direct');
  const expected = [...Array.from({ length: 100 }, (_, at) => at + 1).map(String), '"direct"'];
  t.equal(
    await peer.eval('PG2PubSub.take(101)', { as: 'subscriber' }),
    `[${expected.join(', ')}]`,
    'in order, each once',
  );
  received.length = 0;
  for (const sender of SENDERS) {
    const { name } = ours.node;
    await peer.eval(`PG2PubSub.direct_broadcast(${P}, :"${name}", "t", "${sender}")`, {
      as: sender,
    });
  }
  await until(() => received.length === SENDERS.length, { what: 'every direct broadcast' });
  t.strictSame([...received].sort(), [...SENDERS].sort());
}

t.test('pubsub', { skip: elixirPeer.skip }, async (t) => {
  for (const [poolSize, theirs] of [
    [1, 1],
    [2, 2],
    [4, 4],
    [1, 4],
    [2, 4],
    [4, 1],
    [4, 2],
  ] as const) {
    await t.test(`a pool of ${poolSize} here, of ${theirs} there`, async (t) => {
      const cluster = await startCluster(t);
      const [ours, peer] = await Promise.all([
        startOurs(cluster, 'ours', poolSize),
        cluster.elixir('elixir'),
      ]);
      await ours.node.connect(peer);
      await startPhoenix(peer, theirs);
      await acquainted(ours, peer, theirs);
      t.equal(ours.adapter.poolSize, Math.max(poolSize, theirs));
      await bothWays(t, ours, peer);
      t.strictSame(ours.node.emitted('distribution.message.ignored'), []);
    });
  }

  await t.test('values and structs', async (t) => {
    const cluster = await startCluster(t);
    const [ours, other, peer] = await Promise.all([
      startOurs(cluster, 'ours', 1),
      startOurs(cluster, 'other', 1),
      cluster.elixir('elixir'),
    ]);
    await Promise.all([ours.node.connect(peer), other.node.connect(peer)]);
    await startPhoenix(peer, 1);
    await until(
      () => ours.scope.members(GROUP).length === 3 && other.scope.members(GROUP).length === 3,
      {
        what: 'all to know each other',
      },
    );

    await t.test('ours are what Elixir knows them as', async (t) => {
      await peer.eval(`PG2PubSub.subscribe(${P}, "v")`, { as: 'values' });
      const messages: readonly (readonly [unknown, string])[] = [
        ['text é', '"text é"'],
        [new Uint8Array([255, 0]), '<<255, 0>>'],
        [[1, -1.5, 2n ** 64n, 1e300], '[1, -1.5, 18446744073709551616, 1.0e300]'],
        [[true, false, null], '[true, false, nil]'],
        [{ count: 4, node: 'a@h', tags: ['x'] }, '%{count: 4, node: "a@h", tags: ["x"]}'],
        [new Map<unknown, unknown>([['key', { a: 1 }]]), '%{"key" => %{a: 1}}'],
        [tuple(atom('ok'), 1), '{:ok, 1}'],
        [
          { __struct__: atom('Elixir.MapSet'), map: new Map([[1, []]]), version: 2 },
          'MapSet.new([1])',
        ],
      ];
      for (const [message] of messages) ours.pubsub.broadcast('v', message);
      const taken = await peer.eval(`PG2PubSub.take(${messages.length})`, { as: 'values' });
      t.equal(
        taken.replace('#MapSet<[1]>', 'MapSet.new([1])'),
        `[${messages.map(([, text]) => text).join(', ')}]`,
      );
    });

    await t.test("Elixir's are values here", async (t) => {
      const received = collect(ours.pubsub, 'w');
      const terms: string[] = [];
      const process = ours.node.local.processes.spawnServer({
        onMessage: (term: Term) => void terms.push(inspectTerm(term)),
      });
      ours.pubsub.subscribe('w', process);
      const send = (message: string, dispatcher = 'Phoenix.PubSub'): Promise<string> =>
        peer.eval(`PG2PubSub.broadcast(${P}, "w", ${message}, ${dispatcher})`);
      await send('%{count: 4, node: "a@h", list: [1, 2.5, nil, true], nested: %{"k" => :v}}');
      await send('{:event, "x"}');
      await send("'charlist'");
      await send(
        '%{__struct__: Phoenix.Socket.Broadcast, topic: "room:1", event: "new", payload: %{"body" => "hi"}}',
        'Phoenix.Channel.Server',
      );
      await until(() => received.length === 4, { what: 'all four' });
      t.strictSame(received[0], {
        count: 4,
        list: [1, 2.5, null, true],
        nested: new Map([['k', atom('v')]]),
        node: 'a@h',
      });
      t.equal(inspectTerm(received[1] as Term), '{event,<<"x">>}');
      t.strictSame(received[2], [...Buffer.from('charlist')]);
      t.strictSame(received[3], {
        __struct__: atom('Elixir.Phoenix.Socket.Broadcast'),
        event: 'new',
        payload: new Map([['body', 'hi']]),
        topic: 'room:1',
      });
      t.equal(terms[1], '{event,<<"x">>}');
      t.equal(terms.length, 4);
    });

    await t.test('a broadcast of ours reaches all other nodes, of either kind', async (t) => {
      const [here, there] = [collect(ours.pubsub, 'x'), collect(other.pubsub, 'x')];
      await peer.eval(`PG2PubSub.subscribe(${P}, "x")`, { as: 'x' });
      const message = { n: 1, deep: [{ a: null }] };
      ours.pubsub.broadcast('x', message);
      t.equal(await peer.eval('PG2PubSub.take(1)', { as: 'x' }), '[%{deep: [%{a: nil}], n: 1}]');
      await until(() => there.length === 1, { what: 'the message at the other node' });
      t.strictSame([here, there], [[message], [message]]);
    });

    await t.test('what Phoenix would not send is survived', async (t) => {
      const received = collect(ours.pubsub, 'y');
      const worker = `{${inspectElixir(GROUP.name)}, :"${ours.node.name}"}`;
      for (const message of [
        ':hello',
        '{:forward_to_local, :y, 1, X}',
        '{:forward_to_local, <<255>>, 1, X}',
        'fn -> 1 end',
      ]) {
        await peer.eval(`send(${worker}, ${message})`);
      }
      await peer.eval(`PG2PubSub.direct_broadcast(${P}, :"${ours.node.name}", "y", fn -> 1 end)`);
      await peer.eval(`PG2PubSub.direct_broadcast(${P}, :"${ours.node.name}", "y", self())`);
      await peer.eval(`PG2PubSub.direct_broadcast(${P}, :"${ours.node.name}", "y", "last")`);
      await until(() => received.at(-1) === 'last', { what: 'the last' });
      t.equal(received.length, 3);
      t.equal(ours.node.emitted('distribution.message.ignored').length, 4);
    });

    await t.test('workers over there that start again are found again', async (t) => {
      await peer.eval(`PG2PubSub.stop(${P})`);
      await until(() => ours.scope.members(GROUP).length === 2, { what: 'the worker to be gone' });
      ours.pubsub.broadcast('z', 'lost');
      await startAgain(peer, 2);
      await acquainted(ours, peer, 2);
      await peer.eval(`PG2PubSub.subscribe(${P}, "z")`, { as: 'z' });
      ours.pubsub.broadcast('z', 'found');
      t.equal(await peer.eval('PG2PubSub.take(1)', { as: 'z' }), '["found"]');
    });
  });
});

function inspectElixir(name: string): string {
  return `:"${name}"`;
}
