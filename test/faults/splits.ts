/**
 * Networks that fall apart and heal: hosts in network namespaces, under load on every side. During a
 * split each side counts on; afterwards there is one owner, and nothing is lost or counted twice.
 */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { FaultCluster } from '../support/faults/cluster.ts';
import { acknowledgement, nowMs } from '../support/faults/history.ts';
import { HostNetwork, skipWithoutNamespaces } from '../support/faults/hosts.ts';
import type { ClientOptions } from '../support/faults/load.ts';
import {
  expectNoFindings,
  expectOneOwner,
  seedOf,
  underLoad,
} from '../support/faults/run-schedule.ts';

const skip = await skipWithoutNamespaces();
const seed = seedOf();

t.setTimeout(400_000);

const SPLITS: readonly (readonly [string, readonly (readonly number[])[]])[] = [
  ['one against one', [[0], [1]]],
  ['two against one', [[0, 1], [2]]],
  ['one against two', [[0], [1, 2]]],
  [
    'two against two',
    [
      [0, 3],
      [1, 2],
    ],
  ],
  ['three ways', [[0], [1], [2]]],
];

for (const [title, sides] of SPLITS) {
  t.test(`the sum is exact after a split of ${title}, seed ${seed}`, { skip }, async (t) => {
    const size = sides.flat().length;
    const network = await HostNetwork.create(t, size);
    const cluster = await FaultCluster.start(t, {
      size,
      placements: network.placements,
      env: { NET_TICKTIME: '2' },
    });
    // A client stays with its node: a retry on the other side of a split cannot know of the first try.
    const clients = cluster.members.flatMap(({ name }): ClientOptions[] => [
      { type: 'plain', pinnedTo: name },
      { type: 'keyed', pinnedTo: name },
      { type: 'reader', pinnedTo: name },
    ]);
    const result = await underLoad({ cluster, network, seed, clients }, async (notes) => {
      await delay(500);
      await notes.split(async () => {
        await network.cut(sides);
        const members = sides.map((side) => side.map((index) => cluster.member(index)));
        await Promise.all(members.map((side) => cluster.apart(side)));
        const fromMs = nowMs();
        await delay(1_500);
        const toMs = nowMs();
        for (const side of members) {
          const nodes = side.map(({ name }) => name);
          notes.era({ name: `the side of ${nodes.join(' and ')}`, fromMs, toMs, nodes });
        }
        await network.heal();
      });
      await delay(500);
    });
    for (const { name, nodes, fromMs, toMs } of result.history.eras) {
      if (nodes === undefined) continue;
      const counted = result.history.operations.filter(
        (operation) =>
          operation.type === 'increment' &&
          acknowledgement(operation) !== undefined &&
          operation.attempts.every(
            (attempt) =>
              nodes.includes(attempt.node) && attempt.fromMs >= fromMs && attempt.toMs <= toMs,
          ),
      );
      t.ok(counted.length > 10, `${name} counted on by itself, ${counted.length} times`);
    }
    expectNoFindings(t, result, cluster);
    await expectOneOwner(t, cluster);
  });
}
