import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { type ClusterMember, TestCluster } from '../../../support/cluster.ts';
import { add, NAME, oneOwner, start } from '../../../support/notes.ts';
import { until } from '../../../support/until.ts';

/** A node that waits for its turn to change names, as when many others come and go. */
function slowToChangeNames(node: ClusterMember, method: 'passName' | 'registerName') {
  let itsTurn = (): void => undefined;
  const turn = new Promise<void>((resolve) => {
    itsTurn = resolve;
  });
  let waiting = false;
  const global = new Proxy(node.global, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== method) return value.bind(target);
      return async (...args: unknown[]) => {
        waiting = true;
        await turn;
        return value.apply(target, args);
      };
    },
  });
  return { slow: { ...node, global }, isWaiting: () => waiting, itsTurn };
}

t.test('one that leaves while it tries to get the name is gone at once', async (t) => {
  const nodes = await TestCluster.start(['a', 'b', 'c']);
  t.teardown(() => nodes.stop());
  const [a, b, c] = nodes.nodes as [ClusterMember, ClusterMember, ClusterMember];
  await start(a);
  const { slow, isWaiting, itsTurn } = slowToChangeNames(b, 'registerName');
  const leaving = await start(slow);
  const staying = await start(c);
  await nodes.kill(a);
  await until(isWaiting, { intervalMs: 2 });
  await leaving.singleton.stop();
  const startedAt = performance.now();
  await nodes.leave(b);
  t.ok(performance.now() - startedAt < 1_000, 'nothing waits in it for what does not come');
  itsTurn();
  await oneOwner([staying]);
  t.equal(await add(c, 1), 1);
});

t.test('a name that is given on late does not go back to one that gave it on', async (t) => {
  const nodes = await TestCluster.start(['a', 'b', 'c']);
  t.teardown(() => nodes.stop());
  const [a, b, c] = nodes.nodes as [ClusterMember, ClusterMember, ClusterMember];
  const { slow, itsTurn } = slowToChangeNames(a, 'passName');
  const first = await start(slow);
  const [second, third] = [await start(b), await start(c)];
  t.equal(await add(c, 1), 1);
  const stopped = first.singleton.stop();
  await until(() => second.singleton.isOwner, { intervalMs: 2 });
  await second.singleton.stop();
  await until(() => c.global.whereisName(NAME)?.node === c.name, { intervalMs: 2 });
  itsTurn();
  await stopped;
  await delay(50);
  t.strictSame(
    [a, b, c].map(({ global }) => global.whereisName(NAME)?.node),
    [c.name, c.name, c.name],
  );
  t.strictSame(
    third.events.map(({ event }) => event),
    ['taken_over'],
    'the one that has it was not disturbed',
  );
  t.equal(await add(b, 2), 2);
});

t.test(
  'a name that comes late to one that has handed over does not end its successor',
  async (t) => {
    const nodes = await TestCluster.start(['a', 'b', 'c']);
    t.teardown(() => nodes.stop());
    const [a, b, c] = nodes.nodes as [ClusterMember, ClusterMember, ClusterMember];
    const turns = [slowToChangeNames(a, 'passName'), slowToChangeNames(b, 'passName')] as const;
    const first = await start(turns[0].slow);
    const second = await start(turns[1].slow);
    const third = await start(c);
    const firstStopped = first.singleton.stop();
    await until(() => second.singleton.isOwner, { intervalMs: 2 });
    const secondStopped = second.singleton.stop();
    await until(() => third.singleton.isOwner, { intervalMs: 2 });
    turns[0].itsTurn();
    await firstStopped;
    await until(() => c.global.whereisName(NAME)?.node === b.name, { intervalMs: 2 });
    await delay(20);
    turns[1].itsTurn();
    await secondStopped;
    await until(() => a.global.whereisName(NAME)?.node === c.name, { intervalMs: 2 });
    t.strictSame(
      third.events.map(({ event }) => event),
      ['taken_over'],
    );
    t.equal(await add(a, 1), 1);
  },
);
