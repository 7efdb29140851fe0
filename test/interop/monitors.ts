/** Monitors of processes on the other side, by pid and by name, in both directions. */
import t, { type Test } from 'tap';
import {
  atom,
  inspectTerm,
  isTuple,
  type Pid,
  type Process,
} from '../../lib/distribution/index.ts';
import { RemoteActor, receiveText, startCluster, type TestNode } from '../support/interop.ts';
import { erlangPeer, type Peer, until } from '../support/peers.ts';

const BOOM = atom('boom');
const PING = atom('ping');

/** The exit reason of the next down message, after a check of all the rest of it. */
async function downReason(
  t: Test,
  watcher: Process,
  expected: { readonly ref: string; readonly item: string },
): Promise<string> {
  const message = await watcher.receive({ timeoutMs: 5_000 });
  if (!isTuple(message, 5, 'DOWN')) return `not a down message: ${inspectTerm(message)}`;
  const [, ref, type, item, reason] = message.elements.map((element) => inspectTerm(element));
  t.strictSame({ ref, type, item }, { ...expected, type: 'process' });
  return reason!;
}

/** How many processes of other nodes monitor the process of that name. */
const WATCHERS = (name: string): string => `
  length([P || P <- element(2, process_info(whereis(${name}), monitored_by)), node(P) =/= node()])`;

/** Everything that ours sent before has arrived. */
async function arrived(t: Test, ours: Process, theirs: RemoteActor, pid: Pid): Promise<void> {
  ours.send(pid, PING);
  t.equal(await theirs.receive(), 'ping');
}

t.test('monitors', { skip: erlangPeer.skip }, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([cluster.node('ours'), cluster.erl('erl')]);
  await node.connect(erl);
  let actors = 0;

  /** A process on erl with the pid that `ours` was told. */
  async function remote(ours: Process, peer = erl): Promise<{ theirs: RemoteActor; pid: Pid }> {
    actors += 1;
    const theirs = await RemoteActor.start(peer, `theirs${actors}`);
    return { theirs, pid: await theirs.meet(ours) };
  }

  await t.test('we monitor a pid', async (t) => {
    for (const reason of ['boom', '{shutdown,[1.5]}', 'killed', '#{}']) {
      const ours = node.actor();
      const { theirs, pid } = await remote(ours);
      const ref = ours.monitor(pid);
      await arrived(t, ours, theirs, pid);
      await erl.eval(`exit(whereis(${theirs.name}), ${reason === 'killed' ? 'kill' : reason})`);
      const expected = { ref: inspectTerm(ref), item: inspectTerm(pid) };
      t.equal(await downReason(t, ours, expected), reason);
      const late = ours.monitor(pid);
      t.equal(await downReason(t, ours, { ...expected, ref: inspectTerm(late) }), 'noproc');
      ours.stop();
    }
  });

  await t.test('we monitor a name', async (t) => {
    const ours = node.actor();
    const { theirs, pid } = await remote(ours);
    const item = `{${theirs.name},'${erl.name}'}`;
    const ref = ours.monitor({ name: theirs.name, node: erl.name });
    await arrived(t, ours, theirs, pid);
    await erl.eval(`exit(whereis(${theirs.name}), boom)`);
    t.equal(await downReason(t, ours, { ref: inspectTerm(ref), item }), 'boom');
    const late = ours.monitor({ name: theirs.name, node: erl.name });
    t.equal(await downReason(t, ours, { ref: inspectTerm(late), item }), 'noproc');
    ours.stop();
  });

  await t.test('erl monitors a pid', async (t) => {
    const target = node.actor();
    const { theirs } = await remote(target);
    await theirs.eval('R = monitor(process, P)');
    await theirs.eval('P ! ping');
    t.equal(await receiveText(target), 'ping');
    target.stop(BOOM);
    t.equal(
      await theirs.eval("receive {'DOWN', R, process, P, A} -> A after 5000 -> nothing end"),
      'boom',
    );
    await theirs.eval('L = monitor(process, P)');
    t.equal(
      await theirs.eval("receive {'DOWN', L, process, P, B} -> B after 5000 -> nothing end"),
      'noproc',
    );
  });

  await t.test('erl monitors a name', async (t) => {
    const target = node.actor('named');
    const { theirs } = await remote(target);
    await theirs.eval(`N = {named, '${node.name}'}, R = monitor(process, N), P ! ping`);
    t.equal(await receiveText(target), 'ping');
    target.stop(BOOM);
    t.equal(
      await theirs.eval("receive {'DOWN', R, process, N, A} -> A after 5000 -> nothing end"),
      'boom',
    );
    await theirs.eval('L = monitor(process, N)');
    t.equal(
      await theirs.eval("receive {'DOWN', L, process, N, B} -> B after 5000 -> nothing end"),
      'noproc',
    );
  });

  await t.test('erl monitors many times and demonitors some', async (t) => {
    const target = node.actor();
    const { theirs } = await remote(target);
    await theirs.eval('Refs = [monitor(process, P) || _ <- lists:seq(1, 100)]');
    await theirs.eval('{Out, In} = lists:split(40, Refs), [demonitor(R) || R <- Out], P ! ping');
    t.equal(await receiveText(target), 'ping');
    target.stop(BOOM);
    const collect =
      "lists:sort([receive {'DOWN', R, _, _, boom} -> R after 5000 -> nothing end || R <- In])";
    t.equal(await theirs.eval(`${collect} =:= lists:sort(In)`), 'true');
    t.equal(await theirs.receive(0), 'nothing');
  });

  await t.test('we demonitor', async (t) => {
    const ours = node.actor();
    const { theirs, pid } = await remote(ours);
    const gone = ours.monitor(pid);
    const kept = ours.monitor(pid);
    t.equal(ours.demonitor(gone), true);
    await arrived(t, ours, theirs, pid);
    t.equal(await theirs.eval(WATCHERS(theirs.name)), '1');
    await erl.eval(`exit(whereis(${theirs.name}), boom)`);
    t.equal(await downReason(t, ours, { ref: inspectTerm(kept), item: inspectTerm(pid) }), 'boom');
    t.equal(ours.mailboxLength, 0);
    ours.stop();
  });

  await t.test('a watcher of ours that ends takes its monitors with it', async (t) => {
    const ours = node.actor();
    const { theirs, pid } = await remote(ours);
    ours.monitor(pid);
    await arrived(t, ours, theirs, pid);
    ours.stop();
    await erl.evalUntil(WATCHERS(theirs.name), '0');
  });

  await t.test('a watcher on erl that ends takes its monitors with it', async (t) => {
    const target = node.actor();
    const { theirs } = await remote(target);
    const before = node.local.processes.sizes.monitors;
    await theirs.eval('monitor(process, P), P ! ping');
    await receiveText(target);
    t.equal(node.local.processes.sizes.monitors, before + 1);
    await erl.eval(`exit(whereis(${theirs.name}), boom)`);
    await until(() => node.local.processes.sizes.monitors === before);
    target.stop();
  });

  await t.test('a monitor dials', async (t) => {
    node.local.disconnect(erl.name);
    await erl.evalUntil('nodes()', '[]');
    const ours = node.actor();
    const ref = ours.monitor({ name: 'nobody', node: erl.name });
    const item = `{nobody,'${erl.name}'}`;
    t.equal(await downReason(t, ours, { ref: inspectTerm(ref), item }), 'noproc');
    t.strictSame(node.local.nodes(), [erl.name]);

    node.local.disconnect(erl.name);
    await erl.evalUntil('nodes()', '[]');
    const theirs = await RemoteActor.start(erl, 'dialling');
    await theirs.eval(`M = monitor(process, {nobody, '${node.name}'})`);
    t.equal(
      await theirs.eval(
        "receive {'DOWN', M, process, {nobody, _}, W} -> W after 5000 -> nothing end",
      ),
      'noproc',
    );
    await node.connected(erl);
    ours.stop();
  });

  await t.test('a node that does not exist is noconnection at once', async (t) => {
    const ours = node.actor();
    const ref = ours.monitor({ name: 'x', node: 'nobody@127.0.0.1' });
    const item = "{x,'nobody@127.0.0.1'}";
    t.equal(await downReason(t, ours, { ref: inspectTerm(ref), item }), 'noconnection');
    ours.stop();
  });

  await lostConnections(t, node, erl);

  await t.test('erl killed with SIGKILL', async (t) => {
    const victim = await cluster.erl('victim');
    const ours = node.actor();
    const { theirs, pid } = await remote(ours, victim);
    const [byPid, byName] = [
      ours.monitor(pid),
      ours.monitor({ name: theirs.name, node: victim.name }),
    ];
    await arrived(t, ours, theirs, pid);
    await victim.kill();
    const item = `{${theirs.name},'${victim.name}'}`;
    const downs = [
      await ours.receive({ timeoutMs: 5_000 }),
      await ours.receive({ timeoutMs: 5_000 }),
    ];
    t.strictSame(
      downs.map((down) => inspectTerm(down)).sort(),
      [
        `{'DOWN',${inspectTerm(byPid)},process,${inspectTerm(pid)},noconnection}`,
        `{'DOWN',${inspectTerm(byName)},process,${item},noconnection}`,
      ].sort(),
    );
    ours.stop();
  });

  await t.test('our node stops', async (t) => {
    const target = node.actor('stopping');
    const { theirs } = await remote(target);
    await theirs.eval(
      `N = {stopping, '${node.name}'}, R1 = monitor(process, P), R2 = monitor(process, N), P ! ping`,
    );
    t.equal(await receiveText(target), 'ping');
    await node.stop();
    const wait = (ref: string): Promise<string> =>
      theirs.eval(
        `(fun() -> receive {'DOWN', ${ref}, _, _, R} -> R after 5000 -> nothing end end)()`,
      );
    t.strictSame([await wait('R1'), await wait('R2')], ['shutdown', 'shutdown']);
    await theirs.eval('R3 = monitor(process, P)');
    t.equal(await wait('R3'), 'noconnection');
  });

  t.notMatch(erl.log, /error/i);
});

async function lostConnections(t: Test, node: TestNode, erl: Peer): Promise<void> {
  await t.test('a lost connection', async (t) => {
    await node.connect(erl);
    const ours = node.actor();
    const theirs = await RemoteActor.start(erl, 'losing');
    const pid = await theirs.meet(ours);
    const ref = ours.monitor(pid);
    await theirs.eval(`R = monitor(process, P), P ! ping`);
    t.equal(await receiveText(ours), 'ping');
    await erl.eval(`erlang:disconnect_node('${node.name}')`);
    t.equal(
      await downReason(t, ours, { ref: inspectTerm(ref), item: inspectTerm(pid) }),
      'noconnection',
    );
    t.equal(
      await theirs.eval("receive {'DOWN', R, process, P, W} -> W after 5000 -> nothing end"),
      'noconnection',
    );
    ours.stop();
    await node.connect(erl);
  });
}
