import { getEventListeners } from 'node:events';
import t from 'tap';
import {
  atom,
  binary,
  ErlangMap,
  ProcessTable,
  type Term,
} from '../../../lib/distribution/index.ts';
import type { LocalDelivery, PubSubAdapter } from '../../../lib/pubsub/adapter.ts';
import { PubSub } from '../../../lib/pubsub/pubsub.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { RecordingRemote } from '../../support/recording-remote.ts';

async function setUp(adapter?: Partial<PubSubAdapter>) {
  const telemetry = new Telemetry();
  const events: [string, unknown, unknown][] = [];
  telemetry.attach('test', 'pubsub.*', (...args) => events.push(args));
  const calls: unknown[] = [];
  const pubsub = await PubSub.start({
    telemetry,
    adapter: {
      name: 'one@h',
      start: () => {},
      broadcast: (...args) => calls.push(['broadcast', ...args]),
      directBroadcast: (...args) => calls.push(['directBroadcast', ...args]),
      stop: () => {
        calls.push(['stop']);
      },
      ...adapter,
    },
  });
  const collect = (topic: string) => {
    const received: unknown[] = [];
    const listener = (message: unknown, from: string) => received.push([from, message]);
    return { received, listener, subscription: pubsub.subscribe(topic, listener) };
  };
  return { pubsub, events, calls, collect };
}

t.test('a pubsub without an adapter serves its own node', async (t) => {
  const pubsub = await PubSub.start();
  const received: unknown[] = [];
  const subscription = pubsub.subscribe('t', (message, topic) => received.push([topic, message]));
  pubsub.broadcast('t', { n: 1 });
  t.same(received, [['t', { n: 1 }]]);
  subscription.unsubscribe();
  pubsub.broadcast('t', { n: 2 });
  t.equal(received.length, 1);
  await pubsub.stop();
});

t.test('subscribing twice brings each message twice', async (t) => {
  const { pubsub } = await setUp();
  let count = 0;
  const listener = () => {
    count += 1;
  };
  pubsub.subscribe('t', listener);
  pubsub.subscribe('t', listener);
  t.equal(pubsub.subscriptionCount('t'), 2);
  pubsub.broadcast('t', 1);
  t.equal(count, 2);
  pubsub.unsubscribe('t', listener);
  pubsub.broadcast('t', 2);
  t.equal(count, 2);
});

t.test('broadcast tells the other nodes first, and nobody if they cannot be told', async (t) => {
  const { pubsub, collect } = await setUp({
    broadcast: (_topic, message) => {
      if (message === 'bad') throw new TypeError('no form on the wire');
    },
  });
  const { received } = collect('t');
  t.throws(() => pubsub.broadcast('t', 'bad'), /no form on the wire/);
  pubsub.broadcast('t', 'good');
  t.same(received, [['t', 'good']]);
});

t.test('broadcastFrom leaves out the sender here and tells the other nodes', async (t) => {
  const { pubsub, calls, collect } = await setUp();
  const [sender, other] = [collect('t'), collect('t')];
  pubsub.broadcastFrom(sender.listener, 't', 1);
  t.same([sender.received, other.received], [[], [['t', 1]]]);
  t.same(calls, [['broadcast', 't', 1]]);
});

t.test('localBroadcast does not involve the adapter', async (t) => {
  const { pubsub, calls, collect } = await setUp();
  const { received } = collect('t');
  pubsub.localBroadcast('t', 1);
  t.same([received, calls], [[['t', 1]], []]);
});

t.test('directBroadcast goes to one node, here or there', async (t) => {
  const { pubsub, calls, collect } = await setUp();
  const { received } = collect('t');
  t.equal(pubsub.node, 'one@h');
  pubsub.directBroadcast('one@h', 't', 1);
  pubsub.directBroadcast('two@h', 't', 2);
  t.same([received, calls], [[['t', 1]], [['directBroadcast', 'two@h', 't', 2]]]);
});

t.test('a failing listener never reaches the broadcaster, and stays subscribed', async (t) => {
  const { pubsub, events } = await setUp();
  const error = new Error('no');
  pubsub.subscribe('t', () => {
    throw error;
  });
  pubsub.broadcast('t', 1);
  pubsub.broadcast('t', 2);
  const failure = ['pubsub.listener.failure', {}, { topic: 't', error }];
  t.same(events, [failure, failure]);
});

t.test('a signal ends a subscription', async (t) => {
  const { pubsub } = await setUp();
  const controller = new AbortController();
  const subscription = pubsub.subscribe('t', () => t.fail('told'), { signal: controller.signal });
  controller.abort();
  t.ok(subscription.closed);
  pubsub.broadcast('t', 1);
});

function aTable(): ProcessTable {
  return new ProcessTable({ node: 'one@h', creation: 1, remote: new RecordingRemote() });
}

t.test('a process gets the messages of a topic in its mailbox, as terms', async (t) => {
  let local: LocalDelivery | undefined;
  const { pubsub } = await setUp({
    start: (given) => {
      local = given;
    },
  });
  const received: Term[] = [];
  const process = aTable().spawnServer({ onMessage: (message) => void received.push(message) });
  pubsub.subscribe('t', process);
  pubsub.broadcast('t', { count: 1, node: 'a@h' });
  const term = new ErlangMap([[atom('as'), atom('it came')]]);
  local?.deliver('t', { as: atom('it came') }, term);
  pubsub.broadcastFrom(process, 't', 'of its own');
  t.same(received, [
    new ErlangMap([
      [atom('count'), 1],
      [atom('node'), binary('a@h')],
    ]),
    term,
  ]);
  t.equal(received[1], term, 'not mapped to and fro');
  pubsub.unsubscribe('t', process);
  pubsub.broadcast('t', 2);
  t.equal(received.length, 2);
});

t.test('the subscriptions of a process end with it, and leave nothing behind', async (t) => {
  const { pubsub, events } = await setUp();
  const processes = aTable();
  const process = processes.spawnServer({ onMessage: () => void t.fail('it got a message') });
  const controller = new AbortController();
  const { signal } = controller;
  const subscriptions = Array.from({ length: 20 }, (_, at) =>
    pubsub.subscribe(`t${at}`, process, at % 2 === 0 ? {} : { signal }),
  );
  process.stop();
  t.ok(subscriptions.every(({ closed }) => closed));
  t.equal(getEventListeners(signal, 'abort').length, 0);
  t.equal(getEventListeners(process.signal, 'abort').length, 0);
  t.ok(pubsub.subscribe('t0', process).closed, 'one that has ended does not begin to listen');
  pubsub.broadcast('t0', 1);
  const other = processes.spawnServer({ onMessage: () => void t.fail('it got a message') });
  const subscription = pubsub.subscribe('t0', other, { signal });
  controller.abort();
  t.ok(subscription.closed);
  pubsub.broadcast('t0', 1);
  t.same(events, []);
});

t.test('a message without a form as a term is lost to processes alone, and reported', async (t) => {
  const { pubsub, events, collect } = await setUp();
  const received: Term[] = [];
  const process = aTable().spawnServer({ onMessage: (message) => void received.push(message) });
  pubsub.subscribe('t', process);
  const listener = collect('t');
  const strange = new Date(0);
  pubsub.localBroadcast('t', strange);
  t.same(listener.received, [['t', strange]]);
  t.same(received, []);
  t.match(events, [['pubsub.listener.failure', {}, { topic: 't', error: { code: 'unmappable' } }]]);
});

t.test('counts what it publishes, receives and hands out', async (t) => {
  let fromElsewhere: LocalDelivery | undefined;
  const { pubsub, collect } = await setUp({
    start: (local) => {
      fromElsewhere = local;
    },
    broadcast: (_topic, message) => {
      if (message === 'unencodable') throw new TypeError('no');
    },
  });
  t.strictSame(pubsub.figures, { published: 0, received: 0, delivered: 0 });
  collect('t');
  collect('t');
  pubsub.broadcast('t', 1);
  pubsub.localBroadcast('t', 2);
  pubsub.directBroadcast('two@h', 't', 3);
  t.throws(() => pubsub.broadcast('t', 'unencodable'));
  fromElsewhere?.deliver('t', 4);
  fromElsewhere?.deliver('other', 5);
  t.strictSame(pubsub.figures, { published: 3, received: 2, delivered: 6 });
});

t.test('messages', async (t) => {
  t.test('come as an async iterable, from the call on', async (t) => {
    const { pubsub } = await setUp();
    const stream = pubsub.messages('t');
    pubsub.broadcast('t', 1);
    pubsub.broadcast('t', 2);
    const received: unknown[] = [];
    for await (const message of stream) {
      received.push(message);
      if (message === 2) break;
    }
    t.same(received, [1, 2]);
    t.equal(pubsub.subscriptionCount('t'), 0);
  });

  t.test('end with their signal', async (t) => {
    const { pubsub } = await setUp();
    const controller = new AbortController();
    const stream = pubsub.messages('t', { signal: controller.signal });
    const next = stream.next();
    controller.abort();
    t.match(await next, { done: true });
    t.equal(pubsub.subscriptionCount('t'), 0);
    const never = pubsub.messages('t', { signal: AbortSignal.abort() });
    t.match(await never.next(), { done: true });
  });

  t.test('lose the oldest when they are not read, unless told otherwise', async (t) => {
    const { pubsub, events } = await setUp();
    const stream = pubsub.messages('t');
    for (let n = 0; n < 1001; n += 1) pubsub.broadcast('t', n);
    t.equal(stream.dropped, 1);
    t.match(await stream.next(), { value: 1 });
    t.same(events, [['pubsub.stream.overflow', {}, { topic: 't', overflow: 'drop_oldest' }]]);
  });

  t.test('with overflow close end in an error after what was buffered', async (t) => {
    const { pubsub } = await setUp();
    const stream = pubsub.messages('t', { bufferSize: 2, overflow: 'close' });
    for (const n of [1, 2, 3]) pubsub.broadcast('t', n);
    t.equal(pubsub.subscriptionCount('t'), 0);
    const received: unknown[] = [];
    await t.rejects(
      async () => {
        for await (const message of stream) received.push(message);
      },
      { code: 'overflow', topic: 't' },
    );
    t.same(received, [1, 2]);
  });

  t.test('can leave themselves out, and be unsubscribed', async (t) => {
    const { pubsub } = await setUp();
    const stream = pubsub.messages('t');
    pubsub.broadcastFrom(stream, 't', 'own');
    pubsub.broadcast('t', 'other');
    t.match(await stream.next(), { value: 'other' });
    pubsub.unsubscribe('t', stream);
    t.match(await stream.next(), { done: true });
  });
});

t.test('stop ends subscriptions and streams, then the adapter, once', async (t) => {
  const { pubsub, calls, collect } = await setUp();
  const { subscription } = collect('t');
  const next = pubsub.messages('t').next();
  await Promise.all([pubsub.stop(), pubsub.stop()]);
  t.ok(subscription.closed);
  t.match(await next, { done: true });
  t.same(calls, [['stop']]);
  for (const use of [
    () => pubsub.subscribe('t', () => {}),
    () => pubsub.messages('t'),
    () => pubsub.broadcast('t', 1),
    () => pubsub.localBroadcast('t', 1),
    () => pubsub.directBroadcast('one@h', 't', 1),
  ]) {
    t.throws(use, { code: 'stopped' });
  }
  t.doesNotThrow(() => subscription.unsubscribe());
  t.ok(pubsub.isStopped);
});

t.test('what comes from other nodes reaches the subscribers, until the stop', async (t) => {
  let local: LocalDelivery | undefined;
  const { pubsub, collect } = await setUp({
    start: (given) => {
      local = given;
    },
  });
  const { received } = collect('t');
  t.same([local?.isWanted('t'), local?.isWanted('other')], [true, false]);
  local?.deliver('t', 'from there');
  await pubsub.stop();
  local?.deliver('t', 'too late');
  t.same(received, [['t', 'from there']]);
  t.notOk(local?.isWanted('t'));
});

t.test('a start whose adapter fails rejects with that', async (t) => {
  const error = new Error('no');
  await t.rejects(setUp({ start: () => Promise.reject(error) }), error);
});
