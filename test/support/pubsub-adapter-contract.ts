/**
 * The contract of `lib/pubsub/adapter.ts` as tests. Each adapter's test file runs it:
 *
 * ```ts
 * pubsubAdapterContract('MyAdapter', { one: async () => …, pair: async () => … });
 * ```
 */
import t from 'tap';
import type { PubSubAdapter } from '../../lib/pubsub/adapter.ts';
import { PubSub } from '../../lib/pubsub/pubsub.ts';
import { until } from './until.ts';

export interface AdapterFactory {
  /** An adapter that has not been started. */
  readonly one: () => Promise<PubSubAdapter>;
  /** Two that reach each other once both are started; absent if the adapter knows no other nodes. */
  readonly pair?: () => Promise<readonly [PubSubAdapter, PubSubAdapter]>;
  /** Resolves when the two started nodes know each other; default at once. */
  readonly connected?: (one: PubSub, two: PubSub) => Promise<void>;
  /** A message that has no form on the wire, if there are such messages. */
  readonly unsendable?: unknown;
  /** Releases what the factories made beyond the adapters. */
  readonly dispose?: () => Promise<void>;
}

function collect(pubsub: PubSub, topic: string): unknown[] {
  const received: unknown[] = [];
  pubsub.subscribe(topic, (message) => received.push(message));
  return received;
}

export function pubsubAdapterContract(name: string, factory: AdapterFactory): void {
  t.test(`${name}: one node`, async (t) => {
    t.teardown(async () => factory.dispose?.());

    t.test('a broadcast reaches the own subscribers once', async (t) => {
      const pubsub = await PubSub.start({ adapter: await factory.one() });
      t.teardown(() => pubsub.stop());
      const received = collect(pubsub, 'topic');
      pubsub.broadcast('topic', 'hello');
      t.same(received, ['hello'], 'before broadcast returns');
    });

    t.test('a direct broadcast to the own name reaches the own subscribers', async (t) => {
      const pubsub = await PubSub.start({ adapter: await factory.one() });
      t.teardown(() => pubsub.stop());
      const received = collect(pubsub, 'topic');
      pubsub.directBroadcast(pubsub.node, 'topic', 'hello');
      t.same(received, ['hello']);
    });

    t.test('a direct broadcast to an unknown node is lost without an error', async (t) => {
      const pubsub = await PubSub.start({ adapter: await factory.one() });
      t.teardown(() => pubsub.stop());
      const received = collect(pubsub, 'topic');
      t.doesNotThrow(() => pubsub.directBroadcast('unknown@nowhere', 'topic', 'hello'));
      t.same(received, []);
    });

    t.test('start and stop may be repeated with a new adapter', async (t) => {
      for (let round = 0; round < 3; round += 1) {
        const pubsub = await PubSub.start({ adapter: await factory.one() });
        await t.resolves(pubsub.stop());
      }
    });
  });

  const { pair, connected = async () => {} } = factory;
  if (pair === undefined) return;

  t.test(`${name}: two nodes`, async (t) => {
    t.teardown(async () => factory.dispose?.());

    async function start() {
      const [first, second] = await pair!();
      const one = await PubSub.start({ adapter: first });
      const two = await PubSub.start({ adapter: second });
      t.teardown(() => Promise.all([one.stop(), two.stop()]));
      await connected(one, two);
      return { one, two };
    }

    /** Whatever was sent before from one to two has arrived when this has. */
    async function flush(one: PubSub, two: PubSub): Promise<void> {
      const marks = collect(two, 'flush');
      one.directBroadcast(two.node, 'flush', 'mark');
      await until(() => marks.length === 1, { what: 'the mark' });
    }

    t.test('the names differ', async (t) => {
      const { one, two } = await start();
      t.not(one.node, two.node);
    });

    t.test('a broadcast reaches the subscribers of both, once each', async (t) => {
      const { one, two } = await start();
      const [here, there] = [collect(one, 'topic'), collect(two, 'topic')];
      const other = collect(two, 'other topic');
      one.broadcast('topic', 'hello');
      await flush(one, two);
      await flush(two, one);
      t.same([here, there, other], [['hello'], ['hello'], []]);
    });

    t.test('messages of one sender arrive in order', async (t) => {
      const { one, two } = await start();
      const there = collect(two, 'topic');
      const numbers = Array.from({ length: 200 }, (_, index) => index);
      for (const number of numbers) one.broadcast('topic', number);
      await flush(one, two);
      t.same(there, numbers);
    });

    t.test('broadcastFrom leaves out the sender, not the other node', async (t) => {
      const { one, two } = await start();
      const there = collect(two, 'topic');
      const listener = () => t.fail('the sender received its message');
      one.subscribe('topic', listener);
      one.broadcastFrom(listener, 'topic', 'hello');
      await flush(one, two);
      t.same(there, ['hello']);
    });

    t.test('localBroadcast stays here', async (t) => {
      const { one, two } = await start();
      const [here, there] = [collect(one, 'topic'), collect(two, 'topic')];
      one.localBroadcast('topic', 'hello');
      await flush(one, two);
      t.same([here, there], [['hello'], []]);
    });

    t.test('directBroadcast goes there alone', async (t) => {
      const { one, two } = await start();
      const [here, there] = [collect(one, 'topic'), collect(two, 'topic')];
      one.directBroadcast(two.node, 'topic', 'hello');
      await flush(one, two);
      t.same([here, there], [[], ['hello']]);
    });

    t.test('a subscriber that fails there disturbs nobody here', async (t) => {
      const { one, two } = await start();
      two.subscribe('topic', () => {
        throw new Error('no');
      });
      const there = collect(two, 'topic');
      t.doesNotThrow(() => one.broadcast('topic', 'hello'));
      await flush(one, two);
      t.same(there, ['hello']);
    });

    t.test('a node that has stopped receives nothing, and sending goes on', async (t) => {
      const { one, two } = await start();
      const [here, there] = [collect(one, 'topic'), collect(two, 'topic')];
      await two.stop();
      one.broadcast('topic', 'hello');
      one.directBroadcast(two.node, 'topic', 'hello');
      t.same([here, there], [['hello'], []]);
    });

    if ('unsendable' in factory) {
      t.test('a message without a form on the wire reaches nobody', async (t) => {
        const { one, two } = await start();
        const [here, there] = [collect(one, 'topic'), collect(two, 'topic')];
        t.throws(() => one.broadcast('topic', factory.unsendable));
        t.throws(() => one.directBroadcast(two.node, 'topic', factory.unsendable));
        await flush(one, two);
        t.same([here, there], [[], []]);
      });
    }
  });
}
