/** A rolling deployment: all nodes are restarted, one after the other, under load. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { FaultCluster } from '../support/faults/cluster.ts';
import {
  CLIENTS,
  expectNoFindings,
  expectOneOwner,
  expectOrderlyStops,
  seedOf,
  underLoad,
} from '../support/faults/run-schedule.ts';

const seed = seedOf();

t.setTimeout(180_000);

for (const size of [2, 3, 5]) {
  t.test(`a rolling restart of ${size} nodes loses nothing and causes no 5xx`, async (t) => {
    const cluster = await FaultCluster.start(t, { size });
    const clients = [...CLIENTS, ...CLIENTS];
    const result = await underLoad({ cluster, seed, clients }, async () => {
      for (const member of cluster.members) {
        await delay(200);
        await cluster.stop(member);
        await member.start();
        await cluster.whole();
      }
    });
    t.ok(result.acknowledged > 100, 'there was load');
    expectNoFindings(t, result, cluster);
    t.equal(cluster.stops.length, size);
    expectOrderlyStops(t, cluster);
    await expectOneOwner(t, cluster);
  });
}

t.test('the last node that stays has everything', async (t) => {
  const cluster = await FaultCluster.start(t, { size: 3 });
  const result = await underLoad({ cluster, seed, clients: CLIENTS }, async () => {
    await delay(300);
    for (const member of cluster.members.slice(0, 2)) await cluster.stop(member);
    await delay(300);
    for (const member of cluster.members.slice(0, 2)) await member.start();
    await cluster.whole();
  });
  expectNoFindings(t, result, cluster);
  expectOrderlyStops(t, cluster);
});

t.test('a node that is alone stops in time', async (t) => {
  const cluster = await FaultCluster.start(t, { size: 1 });
  await cluster.stop(cluster.member(0));
  expectOrderlyStops(t, cluster);
});
