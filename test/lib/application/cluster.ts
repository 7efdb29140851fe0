import { test } from 'tap';
import { Application } from '../../../lib/application.ts';
import { atom, startNode } from '../../../lib/distribution/index.ts';
import { configure, json, recorder, start } from '../../support/applications.ts';
import { freePort } from '../../support/free-ports.ts';
import { until } from '../../support/until.ts';

test('two applications form one cluster and share the counter', async (t) => {
  const env = { ERLANG_COOKIE: 'two-of-a-kind', ERL_EPMD_PORT: String(await freePort()) };
  const one = await start(t, { ...env, NODE_NAME: 'one@127.0.0.1' });
  const two = await start(t, { ...env, NODE_NAME: 'two@127.0.0.1' });
  t.ok(one.application.counter.isOwner);
  t.notOk(two.application.counter.isOwner, 'the name was taken: it stands by');
  t.equal(await one.application.counter.increment(), 1);
  t.equal(await two.application.counter.increment(), 2);
  t.match(await json(two.application, '/nodes'), {
    body: { all_nodes: ['two@127.0.0.1', 'one@127.0.0.1'], total_nodes: 2 },
  });
});

test('topics reach the nodes of the cluster, also after the end of the scope under them', async (t) => {
  const env = { ERLANG_COOKIE: 'topical', ERL_EPMD_PORT: String(await freePort()) };
  const one = await start(t, { ...env, NODE_NAME: 'one@127.0.0.1' });
  const two = await start(t, { ...env, NODE_NAME: 'two@127.0.0.1' });
  /** Says it again until it is heard, because it takes a moment until the groups are known. */
  const heard = (from: Application, to: Application): Promise<void> => {
    let received: unknown;
    const subscription = to.pubsub?.subscribe('t', (message) => {
      received = message;
    });
    return until(
      () => {
        from.pubsub?.broadcast('t', { said: 'hello', by: from.node.local.name });
        return received !== undefined;
      },
      { what: `${to.node.local.name} to hear ${from.node.local.name}` },
    ).then(() => {
      subscription?.unsubscribe();
      t.strictSame(received, { said: 'hello', by: from.node.local.name });
    });
  };
  await heard(one.application, two.application);
  await heard(two.application, one.application);

  const before = two.application.pubsub;
  const told: unknown[] = [];
  two.application.onPubSub((pubsub) => told.push(pubsub));
  const { processes } = two.application.node.local;
  const stopped = before?.messages('t').next();
  two.children.length = 0;
  processes.get(processes.whereis('Elixir.Phoenix.PubSub')!)!.stop(atom('killed'));
  t.match(await stopped, { done: true }, 'whoever subscribed hears of the end');
  await until(() => two.application.pubsub !== before, { what: 'another pubsub' });
  t.strictSame(two.children, ['exited pg', 'stopped topics', 'restarted pg', 'restarted topics']);
  t.equal(told.length, 1);
  t.equal(told[0], two.application.pubsub, 'and of the next one, who asks for it');
  await heard(one.application, two.application);
  await heard(two.application, one.application);

  const worker = 'Elixir.HelloDistributed.PubSub.Adapter';
  t.ok(processes.whereis(worker));
  await two.application.stop();
  t.equal(processes.whereis(worker), undefined);
});

test('the counter publishes each value, which all nodes see in order', async (t) => {
  const env = { ERLANG_COOKIE: 'published', ERL_EPMD_PORT: String(await freePort()) };
  const names = ['one@127.0.0.1', 'two@127.0.0.1', 'three@127.0.0.1'];
  const applications: Application[] = [];
  for (const name of names) {
    applications.push((await start(t, { ...env, NODE_NAME: name })).application);
  }
  const seen = applications.map(({ pubsub }) => {
    const messages: unknown[] = [];
    pubsub?.subscribe('counter', (message) => messages.push(message));
    return messages;
  });
  // A first one until all have heard it: by then the groups are known everywhere.
  let counted = 0;
  await until(
    async () => {
      counted = Number(await applications[0]!.counter.increment());
      return seen.every((messages) => messages.length > 0);
    },
    { what: 'all to hear of the counter' },
  );
  const everyone = applications.flatMap(({ counter }) =>
    Array.from({ length: 100 }, () => counter.increment()),
  );
  await Promise.all(everyone);
  const last = counted + everyone.length;
  const lastSeen = () => seen.map((messages) => (messages.at(-1) as { count: number }).count);
  await until(() => lastSeen().every((count) => count === last), {
    what: () => `${last}; seen ${lastSeen()}`,
  });
  for (const [at, messages] of seen.entries()) {
    const { count: first } = messages[0] as { count: number };
    const expected = Array.from({ length: last - first + 1 }, (_, more) => ({
      ...{ count: first + more, node: names[0]! },
    }));
    t.strictSame(messages, expected, `on ${names[at]}`);
  }
});

test('the names of other nodes on the machine are not joined with the user’s own cookie', async (t) => {
  const epmdPort = await freePort();
  const stranger = await startNode({ name: 'stranger@127.0.0.1', cookie: 'mine', epmdPort });
  t.teardown(() => stranger.stop());
  const { telemetry } = recorder();
  const application = await Application.start({
    config: configure({ NODE_NAME: 'alone@127.0.0.1', ERL_EPMD_PORT: String(epmdPort) }),
    cookie: { cookie: 'mine', source: 'file' },
    telemetry,
  });
  t.teardown(() => application.stop());
  t.strictSame(application.node.local.nodes(), []);
});
