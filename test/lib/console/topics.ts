import t from 'tap';
import { topicBindings } from '../../../lib/console/topics.ts';
import { atom } from '../../../lib/distribution/index.ts';
import { PubSub } from '../../../lib/pubsub/pubsub.ts';

const alone = (pubsub: PubSub | undefined) => ({ pubsub, onPubSub: () => {} });

t.test('messages wait until they are looked at, and no more than so many', async (t) => {
  const pubsub = await PubSub.start();
  t.teardown(() => pubsub.stop());
  const { PubSub: topics, flush } = topicBindings(alone(pubsub));
  t.strictSame(topics.subscribe('t'), atom('ok'));
  pubsub.broadcast('t', 1);
  topics.broadcast('t', { n: 2 });
  pubsub.broadcast('other', 3);
  t.strictSame(flush(), [1, { n: 2 }]);
  t.strictSame(flush(), []);
  for (let n = 0; n < 1_500; n += 1) pubsub.broadcast('t', n);
  const kept = flush();
  t.strictSame([kept.length, kept[0], kept.at(-1)], [1_000, 500, 1_499]);
  topics.unsubscribe('t');
  pubsub.broadcast('t', 4);
  t.strictSame(flush(), []);
});

t.test('subscriptions outlive the pubsub, each as often as it was made', async (t) => {
  let pubsub = await PubSub.start();
  const listeners: ((pubsub: PubSub) => void)[] = [];
  const { PubSub: topics, flush } = topicBindings({
    get pubsub() {
      return pubsub;
    },
    onPubSub: (listener) => void listeners.push(listener),
  });
  for (const topic of ['once', 'twice', 'gone', 'twice']) topics.subscribe(topic);
  topics.unsubscribe('gone');
  await pubsub.stop();
  t.throws(() => topics.subscribe('late'), { code: 'stopped' });
  pubsub = await PubSub.start();
  t.teardown(() => pubsub.stop());
  for (const listener of listeners) listener(pubsub);
  for (const topic of ['once', 'twice', 'gone', 'late']) pubsub.broadcast(topic, topic);
  t.strictSame(flush(), ['once', 'twice', 'twice']);
});

t.test('says what it expects', async (t) => {
  const { PubSub: topics } = topicBindings(alone(undefined));
  t.throws(() => topics.subscribe('t'), { message: /expected the pubsub to run/ });
  const pubsub = await PubSub.start();
  t.teardown(() => pubsub.stop());
  const running = topicBindings(alone(pubsub)).PubSub;
  t.throws(() => running.subscribe(atom('t')), { message: /expected a topic as a string, got/ });
  t.throws(() => running.broadcast(1, 2), TypeError);
});
