import { test } from 'tap';
import type { PartitionOptions } from '../../../../../lib/distribution/kernel/global/partition-guard.ts';
import { GlobalMesh } from '../../../../support/global-mesh.ts';

/** Three nodes that share names; then a and b lose each other. */
async function cutOneEdge(options: PartitionOptions): Promise<Record<string, string[]>> {
  const mesh = new GlobalMesh(['a@h', 'b@h', 'c@h'], {
    seed: 4,
    preventOverlappingPartitions: options,
  });
  try {
    void mesh.connect('a@h', 'c@h');
    void mesh.connect('b@h', 'c@h');
    await mesh.settle();
    mesh.block('a@h', 'b@h');
    mesh.disconnect('a@h', 'b@h');
    await mesh.clock.run(5000);
    return Object.fromEntries(mesh.running.map((node) => [node.name, [...node.nodes()].sort()]));
  } finally {
    await mesh.stop();
  }
}

test('when all accuse, whoever lost a connection loses them all, as in OTP', async (t) => {
  t.same(await cutOneEdge({ accuse: true }), { 'a@h': [], 'b@h': [], 'c@h': [] });
});

test('by default nobody accuses, and the other connections stay', async (t) => {
  t.same(await cutOneEdge({}), { 'a@h': ['c@h'], 'b@h': ['c@h'], 'c@h': ['a@h', 'b@h'] });
});

test('accusations are not obeyed when that is switched off', async (t) => {
  t.same(await cutOneEdge({ accuse: true, obey: false }), {
    'a@h': ['c@h'],
    'b@h': ['c@h'],
    'c@h': ['a@h', 'b@h'],
  });
});

test('the death of a node cuts nobody else off', async (t) => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const mesh = new GlobalMesh(['a@h', 'b@h', 'c@h'], {
      seed,
      preventOverlappingPartitions: { accuse: true },
    });
    void mesh.connect('a@h', 'c@h');
    void mesh.connect('b@h', 'c@h');
    await mesh.settle();
    await mesh.kill('b@h');
    await mesh.clock.run(5000);
    t.same(mesh.node('a@h').nodes(), ['c@h']);
    t.same(mesh.node('a@h').global.knownNodes(), ['c@h']);
    await mesh.stop();
  }
});

test('nobody is accused during a shutdown', async (t) => {
  const mesh = new GlobalMesh(['a@h', 'b@h', 'c@h'], {
    preventOverlappingPartitions: { accuse: true },
  });
  t.teardown(() => mesh.stop());
  void mesh.connect('a@h', 'c@h');
  void mesh.connect('b@h', 'c@h');
  await mesh.settle();
  const leaving = mesh.node('c@h');
  leaving.global.prepareShutdown();
  leaving.disconnect('a@h');
  await mesh.clock.run(1000);
  t.ok(mesh.node('a@h').isConnected('b@h'), 'a accuses c, and b drops only c');
});
