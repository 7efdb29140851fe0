import t from 'tap';
import { lookUp } from '../../lib/distribution/epmd/client.ts';
import { OFFERED_FLAGS } from '../../lib/distribution/wire/flags.ts';
import { type Cluster, startCluster, type TestNode } from '../support/interop.ts';
import { erlangPeer, type Peer } from '../support/peers.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { dialTo, RawPeer } from '../support/sockets.ts';
import { until } from '../support/until.ts';

const erlang = { skip: erlangPeer.skip };
const ROUNDS = 60;

/** A peer driven by hand that another node will take for the node of this name. */
const stale = (name: string, cookie: string) => ({
  ...{ name: `${name}@127.0.0.1`, cookie },
  ...{ flags: OFFERED_FLAGS, creation: 77 },
});

async function dialAtTheSameMoment(ours: TestNode, erl: Peer, seed: number): Promise<void> {
  const random = seededRandom(seed);
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = ours.nodeEvents.length;
    const [oursMs, erlMs] = [random.below(4), random.below(3)];
    const [theirs, mine] = await Promise.all([
      erl.eval(`timer:sleep(${erlMs}), net_kernel:connect_node('${ours.name}')`),
      new Promise((resolve) => setTimeout(resolve, oursMs)).then(() =>
        ours.local.connect(erl.name),
      ),
    ]);
    if (theirs !== 'true' || !mine) throw new Error(`round ${round}: ${theirs}, ${mine}`);
    await until(() => ours.local.isConnected(erl.name));
    await erl.evalUntil('nodes()', `['${ours.name}']`);
    const events = ours.nodeEvents.slice(before).map(({ type }) => type);
    if (events.join() !== 'nodeup') throw new Error(`round ${round}: ${events}`);
    // In turns, so that either side is now and then the one that has to notice.
    if (round % 2 === 0) ours.local.disconnect(erl.name);
    else await erl.eval(`erlang:disconnect_node('${ours.name}')`);
    await until(() => !ours.local.isConnected(erl.name));
    await erl.evalUntil('nodes()', '[]');
  }
}

for (const [name, seed] of [
  ['a_less_than_erl', 1],
  ['z_greater_than_erl', 2],
] as const) {
  t.test(`dials that cross end in one connection: ${name}`, erlang, async (t) => {
    const cluster = await startCluster(t);
    const [ours, erl] = await Promise.all([cluster.node(name), cluster.erl('erl')]);
    await t.resolves(dialAtTheSameMoment(ours, erl, seed));
    t.equal(ours.local.connections().length, 0);
  });
}

async function portOf(cluster: Cluster, name: string): Promise<number> {
  const entry = await lookUp({
    ...{ host: '127.0.0.1', epmdPort: cluster.epmdPort, name },
    timeoutMs: 2000,
  });
  if (entry === undefined) throw new Error(`${name} is not registered`);
  return entry.tcpPort;
}

t.test('erl, still connected with our former self, lets us in anew', erlang, async (t) => {
  const cluster = await startCluster(t);
  const erl = await cluster.erl('erl');
  const former = new RawPeer(await dialTo(await portOf(cluster, 'erl')));
  t.teardown(() => former.socket.destroy());
  await former.initiate(stale('ours', cluster.cookie), erl.name);
  await erl.evalUntil('nodes()', `['ours@127.0.0.1']`);
  const ours = await cluster.node('ours');
  t.equal(await ours.local.connect(erl.name), true);
  await former.closed();
  t.equal(await erl.eval(`net_adm:ping('${ours.name}')`), 'pong');
  t.strictSame(
    ours.nodeEvents.map(({ type }) => type),
    ['nodeup'],
  );
});

t.test('we, still connected with a former erl, let it in anew', erlang, async (t) => {
  const cluster = await startCluster(t);
  const ours = await cluster.node('ours');
  const former = new RawPeer(await dialTo(ours.local.tcpPort));
  t.teardown(() => former.socket.destroy());
  await former.initiate(stale('erl', cluster.cookie), ours.name);
  await until(() => ours.nodeEvents.length === 1);
  const erl = await cluster.erl('erl');
  t.equal(await erl.eval(`net_adm:ping('${ours.name}')`), 'pong');
  await former.closed();
  t.match(ours.nodeEvents, [
    { type: 'nodeup', node: erl.name },
    { type: 'nodedown', node: erl.name, reason: 'superseded' },
    { type: 'nodeup', node: erl.name },
  ]);
  t.equal(await erl.eval('nodes()'), `['${ours.name}']`);
});
