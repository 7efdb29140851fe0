import t, { type Test } from 'tap';
import {
  atom,
  binary,
  type DistributedNode,
  ErlangMap,
  inspectTerm,
  PgScope,
  type Pid,
  startNode,
  type Term,
  tuple,
} from '../../../lib/distribution/index.ts';
import { PgAdapter, type PgAdapterOptions } from '../../../lib/pubsub/adapter-pg.ts';
import { PHOENIX_SCOPE } from '../../../lib/pubsub/pg-pool.ts';
import { PubSub } from '../../../lib/pubsub/pubsub.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { freePort } from '../../support/free-ports.ts';
import { NetworkNodes } from '../../support/network-nodes.ts';
import { pubsubAdapterContract } from '../../support/pubsub-adapter-contract.ts';
import { until } from '../../support/until.ts';

const PUBSUB = 'My.PubSub';
const ADAPTER = 'Elixir.My.PubSub.Adapter';
const ADAPTER_ATOM = atom(ADAPTER);

// The contract, over real connections. -----------------------------------------------------------

for (const poolSize of [1, 3]) {
  let members: { readonly node: DistributedNode; readonly scope: PgScope }[] = [];
  let epmdPort = 0;

  const dispose = async (): Promise<void> => {
    await Promise.all(members.map(({ node }) => node.stop()));
    members = [];
  };

  const begin = async (): Promise<void> => {
    await dispose();
    epmdPort = await freePort();
  };

  async function member(alive: string): Promise<PgAdapter> {
    const node = await startNode({ name: `${alive}@127.0.0.1`, cookie: 'contract', epmdPort });
    const scope = PgScope.start({ node: node.local, scope: PHOENIX_SCOPE });
    members.push({ node, scope });
    const sizes = { poolSize, broadcastPoolSize: poolSize };
    return new PgAdapter({ ...sizes, node: node.local, scope, pubsub: PUBSUB });
  }

  pubsubAdapterContract(`PgAdapter with a pool of ${poolSize}`, {
    one: async () => {
      await begin();
      return member('one');
    },
    pair: async () => {
      await begin();
      const pair = [await member('one'), await member('two')] as const;
      await members[0]!.node.local.connect('two@127.0.0.1');
      return pair;
    },
    connected: () =>
      until(() => members.every(({ scope }) => scope.members(ADAPTER_ATOM).length === 2), {
        what: 'the adapters to know each other',
      }),
    unsendable: () => {},
    dispose,
  });
}

// One node against others that the test plays. ----------------------------------------------------

const [A, B, C] = ['a@h', 'b@h', 'c@h'];

interface Forwarded {
  readonly to: string;
  readonly message: string;
}

function setUp(t: Test) {
  const nodes = new NetworkNodes([A, B, C]);
  const { network } = nodes;
  t.teardown(() => network.stop());
  const telemetry = new Telemetry();
  const events: { readonly event: string; readonly metadata: Record<string, unknown> }[] = [];
  telemetry.attach('test', '*', (event, _measurements, metadata) =>
    events.push({ event, metadata: { ...metadata } }),
  );
  const scopeOf = (name: string): PgScope =>
    PgScope.start({ node: nodes.node(name), scope: PHOENIX_SCOPE, telemetry });
  const scope = scopeOf(A);
  const table = network.table(A);
  const adapter = (options: Partial<PgAdapterOptions> = {}): PgAdapter =>
    new PgAdapter({
      node: { name: A, processes: table },
      scope,
      pubsub: PUBSUB,
      telemetry,
      ...options,
    });
  /** A Phoenix node with a pool of workers, which remember what they are sent. */
  const phoenix = (name: string, poolSize: number) => {
    const scopeThere = scopeOf(name);
    const received: Forwarded[] = [];
    const names = Array.from({ length: poolSize }, (_, at) =>
      at === 0 ? ADAPTER : `${ADAPTER}_${at + 1}`,
    );
    const workers = names.map((worker) => {
      const onMessage = (message: Term): void =>
        void received.push({ to: worker, message: inspectTerm(message) });
      const process = network.table(name).spawnServer({ name: worker, onMessage });
      scopeThere.join(atom(worker), process.pid);
      return process;
    });
    return { scope: scopeThere, received, workers };
  };
  const forward = (topic: Term, message: Term, dispatcher = 'Elixir.Phoenix.PubSub'): Term =>
    tuple(atom('forward_to_local'), topic, message, atom(dispatcher));
  const settle = (): Promise<void> => network.settle();
  return { nodes, network, table, scope, adapter, phoenix, forward, events, settle };
}

const FORWARDED = '{forward_to_local,<<"t">>,5,\'Elixir.Phoenix.PubSub\'}';
const nodesOf = (pids: readonly Pid[]): string[] => pids.map(({ node }) => node).sort();

t.test('each worker is registered and is in the group of its name', async (t) => {
  const { table, scope, adapter } = setUp(t);
  const names = [ADAPTER, `${ADAPTER}_2`, `${ADAPTER}_3`];
  const pubsub = await PubSub.start({ adapter: adapter({ poolSize: 3 }) });
  for (const name of names) {
    t.ok(table.whereis(name), name);
    t.same(scope.localMembers(atom(name)), [table.whereis(name)]);
  }
  t.equal(scope.whichGroups().length, 3);
  await pubsub.stop();
  for (const name of names) t.equal(table.whereis(name), undefined);
  t.same(scope.whichGroups(), []);
  t.equal(table.size, 1, 'the scope is left');
  t.equal(table.sizes.monitors, 0);
});

t.test('a broadcast goes to each remote worker of one group, as Phoenix sends it', async (t) => {
  const { nodes, network, adapter, phoenix, settle } = setUp(t);
  nodes.connectAll();
  const [b, c] = [phoenix(B, 1), phoenix(C, 1)];
  const pubsub = await PubSub.start({ adapter: adapter() });
  await settle();
  network.sent.length = 0;
  pubsub.broadcast('t', 5);
  t.same(
    network.sent.map(({ to, signal, connect }) => [to, signal.type, connect]),
    [
      [B, 'send', false],
      [C, 'send', false],
    ],
  );
  await settle();
  t.same(
    [b.received, c.received],
    [[{ to: ADAPTER, message: FORWARDED }], [{ to: ADAPTER, message: FORWARDED }]],
  );
  nodes.network.disconnect(A, B);
  pubsub.broadcast('t', 5);
  pubsub.directBroadcast(B, 't', 5);
  await settle();
  t.same([b.received.length, c.received.length], [1, 2]);
  t.notOk(nodes.network.isConnected(A, B), 'nothing dials');
});

t.test('a direct broadcast goes by name to one node', async (t) => {
  const { nodes, network, adapter, phoenix, settle } = setUp(t);
  nodes.connectAll();
  const [b, c] = [phoenix(B, 1), phoenix(C, 1)];
  const pubsub = await PubSub.start({ adapter: adapter() });
  await settle();
  network.sent.length = 0;
  pubsub.directBroadcast(B, 't', 5);
  t.match(network.sent, [{ to: B, signal: { type: 'send_name', to: { name: ADAPTER } } }]);
  await settle();
  t.same([b.received, c.received], [[{ to: ADAPTER, message: FORWARDED }], []]);
});

t.test('grows to the largest pool in the cluster, and stays so', async (t) => {
  const { nodes, network, table, scope, adapter, phoenix, events, settle } = setUp(t);
  const ours = adapter({ poolSize: 2 });
  const before = phoenix(B, 4);
  nodes.connectAll();
  await settle();
  const pubsub = await PubSub.start({ adapter: ours });
  t.equal(ours.poolSize, 4, 'a pool that was there before');
  await settle();
  t.same(nodesOf(before.scope.members(atom(`${ADAPTER}_4`))), [A, B], 'and it knows of ours');
  const c = phoenix(C, 1);
  c.scope.join(atom(`${ADAPTER}_6`), network.table(C).spawnServer({ onMessage: () => {} }).pid);
  c.scope.join(atom(`${ADAPTER}_300`), network.table(C).spawnServer({ onMessage: () => {} }).pid);
  c.scope.join(
    atom('Elixir.Other.Adapter_9'),
    network.table(C).spawnServer({ onMessage: () => {} }).pid,
  );
  c.scope.join(9, network.table(C).spawnServer({ onMessage: () => {} }).pid);
  await settle();
  t.equal(ours.poolSize, 6);
  for (let number = 2; number <= 6; number += 1) {
    t.same(scope.localMembers(atom(`${ADAPTER}_${number}`)).length, 1);
    t.ok(table.whereis(`${ADAPTER}_${number}`));
  }
  const refused = events.filter(({ event }) => event === 'pubsub.pool.refused');
  t.same(
    refused.map(({ metadata }) => metadata.number),
    [300],
  );
  network.disconnect(A, B);
  network.disconnect(A, C);
  t.equal(ours.poolSize, 6);
  await pubsub.stop();
  t.equal(ours.poolSize, 0);
});

t.test('spreads over the groups of its broadcast pool, and reaches smaller pools', async (t) => {
  const { nodes, adapter, phoenix, settle } = setUp(t);
  nodes.connectAll();
  const [large, small] = [phoenix(B, 4), phoenix(C, 1)];
  const pubsub = await PubSub.start({ adapter: adapter({ poolSize: 4, broadcastPoolSize: 3 }) });
  await settle();
  for (let count = 0; count < 5; count += 1) pubsub.broadcast('t', 5);
  pubsub.directBroadcast(B, 't', 5);
  pubsub.directBroadcast(C, 't', 5);
  await settle();
  t.equal(new Set(large.received.map(({ to }) => to)).size, 1, 'one worker, hence in order');
  t.equal(large.received.length, 6);
  t.not(large.received[0]!.to, ADAPTER, 'this node happens to be given another than the first');
  t.same([...new Set(small.received.map(({ to }) => to))], [ADAPTER]);
  t.equal(small.received.length, 6);
});

t.test('who is in no pool of this name gets nothing', async (t) => {
  const { nodes, network, adapter, settle } = setUp(t);
  nodes.connectAll();
  const pubsub = await PubSub.start({ adapter: adapter() });
  await settle();
  network.sent.length = 0;
  pubsub.broadcast('t', 5);
  t.same(network.sent, []);
  t.throws(() => pubsub.broadcast('t', tuple('text' as unknown as Term)), { code: 'unencodable' });
});

t.test('hands on what comes to any worker, whatever its dispatcher, as values', async (t) => {
  const { nodes, network, adapter, forward, settle } = setUp(t);
  nodes.connectAll();
  const pubsub = await PubSub.start({ adapter: adapter({ poolSize: 2 }) });
  const received: unknown[] = [];
  pubsub.subscribe('t', (message) => received.push(message));
  const terms: Term[] = [];
  const process = network.table(A).spawnServer({ onMessage: (term) => void terms.push(term) });
  pubsub.subscribe('t', process);
  const struct = new ErlangMap([
    [atom('__struct__'), atom('Elixir.Phoenix.Socket.Broadcast')],
    [atom('topic'), binary('t')],
    [atom('event'), binary('new')],
    [atom('payload'), new ErlangMap([[atom('n'), 1]])],
  ]);
  const sender = network.table(B).spawnServer({ onMessage: () => {} });
  sender.send({ name: ADAPTER, node: A }, forward(binary('t'), binary('one')));
  sender.send(
    { name: `${ADAPTER}_2`, node: A },
    forward(binary('t'), struct, 'Elixir.Phoenix.Channel.Server'),
  );
  sender.send({ name: ADAPTER, node: A }, forward(binary('other'), binary('not for us')));
  await settle();
  t.strictSame(received, [
    'one',
    {
      __struct__: atom('Elixir.Phoenix.Socket.Broadcast'),
      topic: 't',
      event: 'new',
      payload: { n: 1 },
    },
  ]);
  t.strictSame(terms, [binary('one'), struct]);
  t.match(pubsub.figures, { published: 0, received: 2 }, 'what nobody here wants is not even read');
});

t.test('topics are told apart, however alike they are', async (t) => {
  const { nodes, network, adapter, phoenix, forward, settle } = setUp(t);
  nodes.connectAll();
  const b = phoenix(B, 1);
  const pubsub = await PubSub.start({ adapter: adapter() });
  await settle();
  const topics = [
    'ab',
    'ac',
    'ab',
    'abc',
    '',
    'ab',
    'é',
    'x'.repeat(1_000),
    'x'.repeat(1_000),
    'ab',
  ];
  const received: string[] = [];
  for (const topic of new Set(topics)) pubsub.subscribe(topic, (_, told) => received.push(told));
  const sender = network.table(B).spawnServer({ onMessage: () => {} });
  for (const topic of topics) {
    sender.send({ name: ADAPTER, node: A }, forward(binary(topic), 1));
    pubsub.broadcast(topic, 5);
  }
  received.length = 0;
  await settle();
  t.strictSame(received, topics);
  const sent = topics.map((topic) => inspectTerm(forward(binary(topic), 5)));
  t.strictSame(
    b.received.map(({ message }) => message),
    sent,
  );
});

t.test('what is no message of Phoenix is ignored and reported', async (t) => {
  const { nodes, network, table, adapter, forward, events, settle } = setUp(t);
  nodes.connectAll();
  const pubsub = await PubSub.start({ adapter: adapter() });
  pubsub.subscribe('t', () => t.fail('it was delivered'));
  const sender = network.table(B).spawnServer({ onMessage: () => {} });
  const worker = table.whereis(ADAPTER)!;
  const strange: Term[] = [
    atom('hello'),
    tuple(atom('forward_to_local'), binary('t'), 1),
    forward(atom('t'), 1),
    forward(new Uint8Array([0xff]), 1),
    tuple(atom('$gen_call'), tuple(sender.pid, 1), atom('state')),
  ];
  for (const message of strange) sender.send(worker, message);
  await settle();
  const ignored = events.filter(({ event }) => event === 'distribution.message.ignored');
  t.same(
    ignored.map(({ metadata }) => metadata),
    strange.map((message) => ({ node: A, receiver: ADAPTER, message })),
  );
  t.ok(table.isAlive(worker));
});

t.test('a worker that is ended from outside is replaced', async (t) => {
  const { nodes, table, scope, adapter, phoenix, events, settle } = setUp(t);
  nodes.connectAll();
  const b = phoenix(B, 1);
  const pubsub = await PubSub.start({ adapter: adapter() });
  await settle();
  const received: unknown[] = [];
  pubsub.subscribe('t', (message) => received.push(message));
  const worker = table.whereis(ADAPTER)!;
  b.workers[0]!.exit(worker, atom('kill'));
  await settle();
  const next = table.whereis(ADAPTER)!;
  t.not(next.key, worker.key);
  t.same(scope.localMembers(ADAPTER_ATOM), [next]);
  t.same(nodesOf(b.scope.members(ADAPTER_ATOM)), [A, B]);
  pubsub.broadcast('t', 5);
  await settle();
  t.same(b.received, [{ to: ADAPTER, message: FORWARDED }]);
  const ended = events.filter(({ event }) => event === 'pubsub.worker.ended');
  t.match(ended, [{ metadata: { number: 1, reason: atom('killed') } }]);
  // Not when the scope has ended: then the PubSub is about to end too.
  scope.stop();
  table.get(next)!.stop();
  await settle();
  t.equal(table.whereis(ADAPTER), undefined);
});

t.test('a start that fails leaves nothing behind', async (t) => {
  const { table, scope, adapter } = setUp(t);
  table.spawnServer({ name: `${ADAPTER}_2`, onMessage: () => {} });
  await t.rejects(PubSub.start({ adapter: adapter({ poolSize: 3 }) }), { code: 'name_taken' });
  t.equal(table.size, 2);
  t.same(scope.whichGroups(), []);
  scope.stop();
  await t.rejects(PubSub.start({ adapter: adapter() }), { code: 'noproc' });
  t.equal(table.size, 1);
  t.throws(() => adapter({ poolSize: 0 }), RangeError);
  t.throws(() => adapter({ poolSize: 2, broadcastPoolSize: 3 }), RangeError);
});
