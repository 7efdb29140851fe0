import t, { type Test } from 'tap';
import { z } from 'zod';
import type { NodeEvent } from '../../../lib/distribution/index.ts';
import { CallError } from '../../../lib/distribution/index.ts';
import type { Rpc } from '../../../lib/live/beam-probe.ts';
import { Live } from '../../../lib/live/live.ts';
import { PubSub } from '../../../lib/pubsub/pubsub.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { MemoryNetwork } from '../../support/memory-adapter.ts';

interface FeedEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const objectSchema = z.record(z.string(), z.unknown());

/** What a spectator has seen so far. */
class Spectator {
  readonly events: FeedEvent[] = [];
  readonly reader: AsyncIterableIterator<Uint8Array, undefined>;
  lastEventId = '';
  ended = false;

  constructor(live: Live, lastEventId?: string) {
    const reader = live.open(lastEventId);
    if (reader === undefined) throw new Error('expected a place for one more spectator');
    this.reader = reader;
    void this.#read();
  }

  of(type: string): FeedEvent['data'][] {
    return this.events.filter((event) => event.type === type).map(({ data }) => data);
  }

  async #read(): Promise<void> {
    for await (const chunk of this.reader) {
      for (const block of Buffer.from(chunk).toString().split('\n\n')) {
        const fields = Object.fromEntries(
          block.split('\n').map((line) => /^(\w+): (.*)$/.exec(line)?.slice(1) ?? ['', '']),
        );
        if (typeof fields.event !== 'string') continue;
        this.lastEventId = String(fields.id);
        const data = objectSchema.parse(JSON.parse(String(fields.data)));
        this.events.push({ type: fields.event, data });
      }
    }
    this.ended = true;
  }
}

interface TestNode {
  readonly live: Live;
  readonly telemetry: Telemetry;
  readonly pubsub: PubSub;
  readonly refused: unknown[];
  /** a connection comes up or goes, as this node sees it */
  up(peer: string): void;
  down(peer: string, reason?: string): void;
}

/** Nodes around a network, with one clock. */
function world(t: Test, options: { readonly rpc?: Rpc } = {}) {
  const clock = new FakeClock();
  const network = new MemoryNetwork();
  const state = { owner: undefined as string | undefined, count: 0 as number | bigint | Error };
  const ownerListeners = new Set<() => void>();
  let reads = 0;
  const start = async (name: string): Promise<TestNode> => {
    const telemetry = new Telemetry();
    const pubsub = await PubSub.start({ adapter: network.adapter(name) });
    const nodes: string[] = [];
    const listeners = new Set<(event: NodeEvent) => void>();
    const refused: unknown[] = [];
    telemetry.attach('refused', 'live.*', (event, _measurements, { topic, refusals }) => {
      refused.push({ event, topic, refusals });
    });
    const live = Live.start({
      node: {
        name,
        nodes: () => nodes,
        onNodeEvent: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      owner: {
        node: () => state.owner,
        onChange: (listener) => {
          ownerListeners.add(listener);
          return () => ownerListeners.delete(listener);
        },
      },
      readCount: async () => {
        reads += 1;
        if (state.count instanceof Error) throw state.count;
        return state.count;
      },
      rpc:
        options.rpc ??
        (async () => {
          throw new CallError('exit', 'badrpc undef');
        }),
      ...{ pubsub, telemetry, version: '1.2.3', runtime: 'Node.js 24', clock },
      ...{ memoryBytes: () => 1000, now: () => 1_000_000 + clock.now(), nonce: () => 'n' },
    });
    t.teardown(() => live.stop());
    return {
      ...{ live, telemetry, pubsub, refused },
      up: (peer) => {
        nodes.push(peer);
        const event = { type: 'nodeup' as const, node: peer, connectionId: 1, visible: true };
        for (const listener of listeners) listener(event);
      },
      down: (peer, reason = 'connection_closed') => {
        nodes.splice(nodes.indexOf(peer), 1);
        const event = { type: 'nodedown' as const, node: peer, connectionId: 1, visible: true };
        for (const listener of listeners) listener({ ...event, reason });
        telemetry.execute('distribution.node.down', {}, { ...event, peer, reason });
      },
    };
  };
  const own = (owner: string | undefined): void => {
    state.owner = owner;
    for (const listener of ownerListeners) listener();
  };
  return { clock, start, own, state, reads: () => reads };
}

t.test('a spectator is told everything first, then what changes', async (t) => {
  const { clock, start, own, state } = world(t);
  state.count = 41;
  own('a@h');
  const { live, pubsub } = await start('a@h');
  await settle();
  t.equal(live.count, 41);
  const spectator = new Spectator(live);
  await settle();
  t.match(spectator.events, [
    {
      type: 'snapshot',
      data: {
        ...{ self: 'a@h', now: 1_000_000, owner: 'a@h', counter: { count: 41, node: 'a@h' } },
        nodes: [{ name: 'a@h', kind: 'node', version: '1.2.3', runtime: 'Node.js 24' }],
        ...{ events: [], load: [] },
      },
    },
  ]);
  await clock.advance(100);
  pubsub.broadcast('counter', { count: 42, node: 'a@h' });
  await settle();
  t.strictSame(spectator.of('counter'), [{ count: 42, node: 'a@h' }]);
  t.equal(live.count, 42);
  t.equal(live.spectators, 1);
  await clock.advance(900);
  t.strictSame(spectator.of('load'), [{ point: [1001, 0, 0, 0, 0], nodes: {} }]);
});

t.test(
  'of many changes the first is told at once, then the latest ten times a second',
  async (t) => {
    const { clock, start, own, reads } = world(t);
    own('a@h');
    const { live, pubsub } = await start('a@h');
    const spectator = new Spectator(live);
    await clock.advance(100);
    spectator.events.length = 0;
    for (let count = 1; count <= 1000; count += 1)
      pubsub.broadcast('counter', { count, node: 'a@h' });
    await settle();
    t.match(spectator.of('counter'), [{ count: 1 }]);
    await clock.advance(100);
    t.match(spectator.of('counter'), [{ count: 1 }, { count: 1000 }]);
    await clock.advance(500);
    t.equal(spectator.of('counter').length, 2, 'nothing new, nothing told');
    t.equal(reads(), 1, 'the counter is read once for its owner, and not polled');
  },
);

t.test('counts beyond 2^53 keep all their digits', async (t) => {
  const { start, own, state } = world(t);
  state.count = 2n ** 70n;
  own('a@h');
  const { live } = await start('a@h');
  await settle();
  const chunk = await live.open()?.next();
  t.match(Buffer.from(chunk?.value ?? []).toString(), `"counter":{"count":${2n ** 70n},`);
});

t.test('a change that is published while the counter is read is newer', async (t) => {
  const { start, own, state } = world(t);
  state.count = 5;
  const { live, pubsub } = await start('a@h');
  own('a@h');
  pubsub.broadcast('counter', { count: 6, node: 'a@h' });
  await settle();
  const spectator = new Spectator(live);
  await settle();
  t.match(spectator.of('snapshot'), [{ counter: { count: 6 } }]);
});

t.test(
  'a counter that cannot be read is shown as unknown, and read for the next spectator',
  async (t) => {
    const { start, own, state } = world(t);
    state.count = new CallError('timeout', 'no answer');
    own('a@h');
    const { live, refused } = await start('a@h');
    const first = new Spectator(live);
    await settle();
    t.match(first.of('snapshot'), [{ counter: null, owner: 'a@h' }]);
    t.match(refused, [{ event: 'live.count.unread' }]);
    state.count = 3;
    new Spectator(live);
    await settle();
    t.match(first.of('counter'), [{ count: 3 }]);
  },
);

t.test('nodes make themselves known to each other, and each shows all', async (t) => {
  const { clock, start } = world(t);
  const a = await start('a@h');
  await clock.advance(10);
  const b = await start('b@h');
  const spectators = [new Spectator(a.live), new Spectator(b.live)];
  await settle();
  a.up('b@h');
  b.up('a@h');
  await clock.advance(60);
  for (const [at, peer] of ['b@h', 'a@h'].entries()) {
    const node = spectators[at]?.of('node').findLast(({ name }) => name === peer);
    t.match(node, { kind: 'node', runtime: 'Node.js 24', connections: 1 });
    t.match(spectators[at]?.of('event'), [{ type: 'nodeup', about: 'b@h', nodes: ['a@h'] }]);
  }
});

t.test('a node that joins is told what happened before it came', async (t) => {
  const { clock, start } = world(t);
  const a = await start('a@h');
  a.telemetry.execute('supervisor.child.restarted', {}, { childId: 'endpoint' });
  await clock.advance(10);
  const b = await start('b@h');
  a.up('b@h');
  b.up('a@h');
  await clock.advance(2000);
  const spectator = new Spectator(b.live);
  await settle();
  t.match(spectator.of('snapshot'), [
    {
      events: [
        { type: 'restart', about: 'endpoint', nodes: ['a@h'] },
        { type: 'nodeup', about: 'b@h' },
      ],
    },
  ]);
});

t.test(
  'a node that goes is gone at once, and its end is one event with all who saw it',
  async (t) => {
    const { clock, start } = world(t);
    const [a, b] = [await start('a@h'), await start('b@h')];
    a.up('b@h');
    b.up('a@h');
    a.up('c@h');
    b.up('c@h');
    await clock.advance(60);
    const spectator = new Spectator(a.live);
    await settle();
    a.down('c@h', 'net_tick_timeout');
    await settle();
    t.strictSame(spectator.of('gone'), [{ name: 'c@h' }]);
    b.down('c@h');
    await settle();
    await settle();
    const events = spectator.of('event').filter(({ type }) => type === 'nodedown');
    t.match(events, [
      { about: 'c@h', detail: 'net_tick_timeout', nodes: ['a@h'] },
      { about: 'c@h', detail: 'net_tick_timeout', nodes: ['a@h', 'b@h'] },
    ]);
    t.equal(events[0]?.id, events[1]?.id);
  },
);

t.test('a node that says nothing is asked what it is', async (t) => {
  const { clock, start } = world(t, {
    rpc: async (_node, module) => {
      if (module !== 'erlang') throw new CallError('exit', 'badrpc undef');
      return [50, 53];
    },
  });
  const a = await start('a@h');
  const spectator = new Spectator(a.live);
  await settle();
  a.up('e@h');
  await clock.advance(1499);
  const shown = () => spectator.of('node').findLast(({ name }) => name === 'e@h');
  t.match(shown(), { kind: 'unknown' });
  await clock.advance(1);
  t.match(shown(), { kind: 'beam', runtime: 'Erlang/OTP 25' });
  t.match(spectator.of('event'), [{ type: 'nodeup', about: 'e@h' }]);
});

t.test('a node that is gone before it was asked is not asked', async (t) => {
  let asked = 0;
  const { clock, start } = world(t, {
    rpc: async () => {
      asked += 1;
      throw new CallError('exit', 'badrpc undef');
    },
  });
  const a = await start('a@h');
  a.up('e@h');
  a.down('e@h');
  await clock.advance(10_000);
  t.equal(asked, 0);
});

t.test('tells who owns the counter', async (t) => {
  const { start, own } = world(t);
  const { live } = await start('a@h');
  const spectator = new Spectator(live);
  await settle();
  own('b@h');
  own('b@h');
  own(undefined);
  await settle();
  t.strictSame(spectator.of('owner'), [{ node: 'b@h' }, { node: null }]);
});

t.test('a second of load on any node is in the sum', async (t) => {
  const { clock, start } = world(t);
  const [a, b] = [await start('a@h'), await start('b@h')];
  const spectator = new Spectator(a.live);
  await settle();
  const metadata = { route: '/counter/increment', status: 200 };
  a.telemetry.execute('http.request.stop', { durationMs: 1 }, metadata);
  b.telemetry.execute('http.request.stop', { durationMs: 8 }, metadata);
  await clock.advance(1000);
  await clock.advance(1000);
  t.match(spectator.of('load')[1]?.point, [1002, 1, 1], 'what b told a second ago is still valid');
  t.match(Object.keys(spectator.of('load')[1]?.nodes ?? {}), ['a@h', 'b@h']);
});

t.test('what another node sends is checked', async (t) => {
  const { start } = world(t);
  const a = await start('a@h');
  const b = await start('b@h');
  for (const topic of ['counter', 'cluster:status', 'cluster:events', 'cluster:load']) {
    for (const message of [null, 7, 'text', [], {}, { count: -1, node: 'b@h' }]) {
      b.pubsub.broadcast(topic, message);
    }
  }
  await settle();
  t.equal(a.refused.length, 4 * 6);
  t.match(a.refused[0], { event: 'live.message.refused', topic: 'counter', refusals: 1 });
  t.match(a.refused[5], { topic: 'counter', refusals: 6 }, 'in a row');
  b.pubsub.broadcast('counter', { count: 1, node: 'b@h' });
  b.pubsub.broadcast('counter', 7);
  await settle();
  t.match(a.refused.at(-1), { topic: 'counter', refusals: 1 });
});

t.test('resumes where a spectator has left, on the same node only', async (t) => {
  const { start, own } = world(t);
  own('a@h');
  const [a, b] = [await start('a@h'), await start('b@h')];
  await settle();
  const first = new Spectator(a.live);
  await settle();
  await first.reader.return?.();
  a.pubsub.broadcast('counter', { count: 9, node: 'a@h' });
  await settle();
  const again = new Spectator(a.live, first.lastEventId);
  const elsewhere = new Spectator(b.live, first.lastEventId);
  await settle();
  t.strictSame(again.of('snapshot'), []);
  t.equal(elsewhere.of('snapshot').length, 1);
});

t.test('goes on with another pubsub', async (t) => {
  const { start } = world(t);
  const { live, pubsub } = await start('a@h');
  const spectator = new Spectator(live);
  await settle();
  await pubsub.stop();
  const next = await PubSub.start();
  live.use(next);
  next.broadcast('counter', { count: 4, node: 'a@h' });
  await settle();
  t.match(spectator.of('counter'), [{ count: 4 }]);
});

t.test('what was counted between two pubsubs is known all the same', async (t) => {
  const { clock, start, own, state } = world(t);
  state.count = 4;
  own('a@h');
  const { live, pubsub } = await start('a@h');
  const spectator = new Spectator(live);
  await settle();
  await pubsub.stop();
  state.count = 5;
  await clock.advance(100);
  live.use(await PubSub.start());
  await settle();
  t.equal(live.count, 5);
  t.match(spectator.of('counter').at(-1), { count: 5 });
});

t.test('a stop ends the streams and releases everything', async (t) => {
  const { clock, start, own } = world(t);
  const a = await start('a@h');
  const spectator = new Spectator(a.live);
  a.up('e@h');
  a.pubsub.broadcast('counter', { count: 4, node: 'a@h' });
  await settle();
  a.live.stop();
  await settle();
  t.ok(spectator.ended);
  t.equal(a.live.open(), undefined);
  t.equal(clock.pending, 0);
  t.equal(a.pubsub.subscriptionCount('counter'), 0);
  a.down('e@h');
  own('x@h');
});
