import { test } from 'tap';
import { castMessage } from '../../../../../lib/distribution/gen-server/envelope.ts';
import { encodeInitConnect } from '../../../../../lib/distribution/kernel/global/messages/casts.ts';
import { encodeCancelConnect } from '../../../../../lib/distribution/kernel/global/messages/infos.ts';
import { GlobalMesh } from '../../../../support/global-mesh.ts';

const SERVER = 'global_name_server';

test('both sides recover when one of them has lost its place', async (t) => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const mesh = new GlobalMesh(['a@h', 'b@h'], { seed });
    const [a, b] = [mesh.node('a@h'), mesh.node('b@h')];
    const sender = b.processes.spawnServer({ onMessage: () => {} });
    const toA = { name: SERVER, node: 'a@h' };
    void mesh.connect('a@h', 'b@h');
    await mesh.clock.run(20 + seed * 4);
    // An offer that b has no session for, as if it had begun anew without a word.
    if (seed % 2 === 0) sender.send(toA, castMessage(encodeInitConnect('b@h', 999, sender.pid)));
    else for (let tag = 1; tag < 4; tag += 1) sender.send(toA, encodeCancelConnect('b@h', tag));
    t.ok(await mesh.settle(), `seed ${seed}`);
    t.ok(a.global.synced('b@h') && b.global.synced('a@h'));
    await mesh.stop();
  }
});

test('a node learnt second-hand that cannot be reached is forgotten', async (t) => {
  const mesh = new GlobalMesh(['a@h', 'b@h', 'c@h']);
  t.teardown(() => mesh.stop());
  mesh.block('a@h', 'c@h');
  void mesh.connect('b@h', 'c@h');
  await mesh.clock.run(5000);
  void mesh.connect('a@h', 'b@h');
  await mesh.clock.run(10_000);
  t.same(mesh.node('a@h').global.knownNodes(), ['b@h']);
  t.same(mesh.node('c@h').global.knownNodes(), ['b@h']);
  t.equal(
    mesh.running.every(({ global }) => global.locks().length === 0),
    true,
  );
});

test('waits for names to be shared, or says that they are not', async (t) => {
  const mesh = new GlobalMesh(['a@h', 'b@h']);
  t.teardown(() => mesh.stop());
  const { global } = mesh.node('a@h');
  t.equal(
    await global.whenSynced(['b@h'], 1000),
    true,
    'a node that is not connected is not waited for',
  );
  await Promise.all([mesh.connect('a@h', 'b@h'), mesh.clock.run(100)]);
  const short = global.whenSynced(['b@h'], 10);
  const long = global.whenSynced(['b@h'], 10_000);
  await mesh.clock.run(10);
  t.equal(await short, false);
  await mesh.settle();
  t.equal(await long, true);
  const lost = global.whenSynced(['b@h', 'c@h'], 10_000);
  t.equal(await lost, true);
});

test('does not take part with hidden nodes', async (t) => {
  const mesh = new GlobalMesh(['a@h', 'b@h']);
  t.teardown(() => mesh.stop());
  const a = mesh.node('a@h');
  a.emit({ type: 'nodeup', node: 'b@h', connectionId: 1, visible: false });
  await mesh.clock.run(1000);
  t.equal(a.links.size, 0, 'nothing is sent');
});
