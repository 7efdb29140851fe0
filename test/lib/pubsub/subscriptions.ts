import { getEventListeners } from 'node:events';
import t from 'tap';
import { Subscriptions } from '../../../lib/pubsub/subscriptions.ts';

function setUp() {
  const failures: unknown[] = [];
  const table = new Subscriptions((topic, error) => failures.push([topic, error]));
  const received: unknown[] = [];
  const add = (name: string, options = {}) =>
    table.add('t', { name }, (message) => received.push(`${name}:${message}`), options);
  return { table, failures, received, add };
}

t.test('messages go to the subscribers of their topic, in the order of subscription', async (t) => {
  const { table, received, add } = setUp();
  add('a');
  add('b');
  table.deliver('t', 1);
  table.deliver('other', 2);
  t.same(received, ['a:1', 'b:1']);
});

t.test('who subscribes twice receives twice, and leaves one by one or at once', async (t) => {
  const { table } = setUp();
  const subscriber = {};
  let count = 0;
  const add = () => table.add('t', subscriber, () => (count += 1));
  const [first] = [add(), add(), add()];
  table.deliver('t', 1);
  t.equal(count, 3);
  first.unsubscribe();
  t.ok(first.closed);
  t.equal(table.count('t'), 2);
  table.removeAll('t', {});
  t.equal(table.count('t'), 2);
  table.removeAll('t', subscriber);
  t.equal(table.topics, 0, 'a topic without subscriptions takes no room');
  table.removeAll('unknown', subscriber);
});

t.test('a subscriber can be left out, with all of its subscriptions', async (t) => {
  const { table, received, add } = setUp();
  const sender = {};
  table.add('t', sender, () => t.fail('told'));
  table.add('t', sender, () => t.fail('told'));
  add('other');
  table.deliver('t', 1, sender);
  t.same(received, ['other:1']);
});

t.test('what is published by a listener comes after what it handles', async (t) => {
  const { table, received, add } = setUp();
  table.add('t', {}, (message) => {
    if (message === 1) table.deliver('t', 2);
  });
  add('late');
  table.deliver('t', 1);
  t.same(received, ['late:1', 'late:2']);
});

t.test('who subscribes during a delivery is not part of it', async (t) => {
  const { table, received, add } = setUp();
  const once = table.add('t', {}, () => {
    add('new');
    once.unsubscribe();
  });
  table.deliver('t', 1);
  t.same(received, []);
  table.deliver('t', 2);
  t.same(received, ['new:2']);
});

t.test('who unsubscribes during a delivery receives nothing more', async (t) => {
  const { table, received, add } = setUp();
  table.add('t', {}, () => second.unsubscribe());
  const second = add('second');
  table.deliver('t', 1);
  t.same(received, []);
});

t.test('failures are reported, and disturb nobody', async (t) => {
  const { table, failures, received, add } = setUp();
  const [sync, later] = [new Error('sync'), new Error('later')];
  table.add('t', {}, () => {
    throw sync;
  });
  table.add('t', {}, async () => {
    throw later;
  });
  add('good');
  table.deliver('t', 1);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(received, ['good:1']);
  t.same(failures, [
    ['t', sync],
    ['t', later],
  ]);
  table.deliver('t', 2);
  t.equal(received.length, 2);
});

t.test('a signal ends a subscription', async (t) => {
  const { table, received, add } = setUp();
  const controller = new AbortController();
  let closed = 0;
  const subscription = add('a', { signal: controller.signal, onClose: () => (closed += 1) });
  controller.abort();
  table.deliver('t', 1);
  subscription.unsubscribe();
  t.same([received, subscription.closed, closed, table.topics], [[], true, 1, 0]);
});

t.test('a signal that is aborted already ends it before it begins', async (t) => {
  const { table, add } = setUp();
  t.ok(add('a', { signal: AbortSignal.abort() }).closed);
  t.equal(table.topics, 0);
});

t.test('subscriptions that share a signal put one listener on it', async (t) => {
  const { table, add } = setUp();
  const controller = new AbortController();
  const { signal } = controller;
  for (let count = 0; count < 20; count += 1) add('a', { signal, owner: signal });
  t.equal(getEventListeners(signal, 'abort').length, 1);
  controller.abort();
  t.equal(table.topics, 0);
  t.equal(getEventListeners(signal, 'abort').length, 0);
});

t.test('an ended subscription leaves nothing on its signal', async (t) => {
  const { add } = setUp();
  const { signal } = new AbortController();
  const subscription = add('a', { signal });
  t.equal(getEventListeners(signal, 'abort').length, 1);
  subscription.unsubscribe();
  t.equal(getEventListeners(signal, 'abort').length, 0);
});

t.test('close ends all', async (t) => {
  const { table, received, add } = setUp();
  const subscriptions = [add('a'), add('b'), table.add('other', {}, () => {})];
  table.close();
  table.deliver('t', 1);
  t.ok(subscriptions.every(({ closed }) => closed));
  t.same([received, table.topics], [[], 0]);
});
