import t from 'tap';
import { ClusterLoad, loadMessageSchema } from '../../../lib/live/cluster-load.ts';

const load = (node: string, requests: number, p50Ms = 1, p99Ms = 2) => ({
  ...{ node, requests, increments: requests / 2, p50Ms, p99Ms },
});

t.test(
  'adds up the nodes: the median weighted by requests, the slowest 99th percentile',
  async (t) => {
    const cluster = new ClusterLoad();
    cluster.record(load('a@h', 30, 1, 5), 0);
    cluster.record(load('b@h', 10, 5, 90), 0);
    t.strictSame(cluster.tick(1000, 500), [1000, 20, 40, 2, 90]);
    t.match(cluster.nodes(), { 'a@h': { requests: 30 }, 'b@h': { p99Ms: 90 } });
  },
);

t.test('the latest of each node counts once, and not for ever', async (t) => {
  const cluster = new ClusterLoad();
  cluster.record(load('a@h', 10), 0);
  cluster.record(load('a@h', 20), 900);
  t.equal(cluster.tick(1, 1000)[2], 20);
  t.equal(cluster.tick(2, 2000)[2], 20, 'a message that is a little late leaves no gap');
  t.equal(cluster.tick(3, 3500)[2], 0, 'a node that has gone leaves no trace');
  t.strictSame(cluster.nodes(), {});
});

t.test('remembers so many seconds', async (t) => {
  const cluster = new ClusterLoad(3);
  for (let second = 1; second <= 5; second += 1) cluster.tick(second, second * 1000);
  t.strictSame(
    cluster.points.map(([second]) => second),
    [3, 4, 5],
  );
});

t.test('the nodes that count are limited', async (t) => {
  const cluster = new ClusterLoad();
  for (let i = 0; i < 1000; i += 1) cluster.record(load(`n${i}@h`, 1), 0);
  t.equal(cluster.tick(1, 0)[2], 256);
});

t.test('what is no load is refused', async (t) => {
  t.ok(loadMessageSchema.safeParse(load('a@h', 2)).success);
  const [none, immense] = [load('a@h', Number.NaN), load('a@h', 1e308)];
  for (const bad of [undefined, {}, load('', 2), load('a@h', -1), none, immense]) {
    t.notOk(loadMessageSchema.safeParse(bad).success);
  }
});
