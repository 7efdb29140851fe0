/**
 * A node comes back under its name while the other side still holds the connection with its earlier
 * incarnation, as after a power cut: relays between the two keep the old connections open. The newcomer
 * is told that it is `alive`, insists, and replaces the old connection: nodedown, then nodeup.
 */
import t from 'tap';
import { register } from '../../lib/distribution/epmd/client.ts';
import { startEpmdServer } from '../../lib/distribution/epmd/server.ts';
import { atom, inspectTerm, type Pid } from '../../lib/distribution/index.ts';
import { RemoteActor, receiveText, TestNode } from '../support/interop.ts';
import { erlangPeer, type Peer, startErl, until } from '../support/peers.ts';
import { startRelay } from '../support/relay.ts';

const host = '127.0.0.1';
const cookie = 'restart';
const timeoutMs = 5_000;

interface Sides {
  readonly startOurs: () => Promise<TestNode>;
  readonly startTheirs: () => Promise<Peer>;
  /** an erl of the same name and with another cookie, which finds us too */
  readonly startImpostor: () => Promise<Peer>;
  /** leaves both sides in the dark about the end of the other */
  readonly sever: () => void;
}

/** Each side has a port mapper of its own, in which the other is to be found at a relay. */
async function sides(t: { teardown(fn: () => unknown): void }): Promise<Sides> {
  let ours: TestNode | undefined;
  let theirTcpPort = 0;
  const [ourEpmd, theirEpmd, impostorEpmd] = await Promise.all(
    [1, 2, 3].map(() => startEpmdServer({ host, epmdPort: 0 })),
  );
  const toErl = await startRelay(() => theirTcpPort);
  const toOurs = await startRelay(() => ours!.local.tcpPort);
  const entry = { timeoutMs, nodeType: 'normal' } as const;
  const entries = await Promise.all([
    register({ ...entry, name: 'erl', tcpPort: toErl.port, epmdPort: ourEpmd!.epmdPort }),
    register({ ...entry, name: 'ours', tcpPort: toOurs.port, epmdPort: theirEpmd!.epmdPort }),
    register({ ...entry, name: 'ours', tcpPort: toOurs.port, epmdPort: impostorEpmd!.epmdPort }),
  ]);
  const started: (TestNode | Peer)[] = [];
  t.teardown(async () => {
    await Promise.all(started.map((one) => (one instanceof TestNode ? one.stop() : one.kill())));
    for (const each of entries) each.close();
    await Promise.all([toErl, toOurs, ourEpmd!, theirEpmd!, impostorEpmd!].map((x) => x.close()));
  });
  const erl = async (epmdPort: number, itsCookie: string): Promise<Peer> => {
    const peer = await startErl({ name: `erl@${host}`, cookie: itsCookie, epmdPort });
    started.push(peer);
    return peer;
  };
  return {
    async startOurs() {
      ours = await TestNode.start({ name: `ours@${host}`, cookie, epmdPort: ourEpmd!.epmdPort });
      started.push(ours);
      return ours;
    },
    async startTheirs() {
      const peer = await erl(theirEpmd!.epmdPort, cookie);
      theirTcpPort = theirEpmd!.names().find(({ name }) => name === 'erl')!.tcpPort;
      return peer;
    },
    startImpostor: () => erl(impostorEpmd!.epmdPort, 'another_cookie'),
    sever() {
      toErl.sever();
      toOurs.sever();
    },
  };
}

/** What `net_kernel:monitor_nodes` has told so far. */
const SEEN = '[element(1, M) || M <- element(2, process_info(self(), messages)), is_tuple(M)]';

t.test(
  'our process is replaced while erl holds the old connection',
  { skip: erlangPeer.skip },
  async (t) => {
    const { startOurs, startTheirs, sever } = await sides(t);
    const [first, erl] = await Promise.all([startOurs(), startTheirs()]);
    await first.connect(erl);
    await erl.evalUntil('nodes()', `['${first.name}']`);
    await erl.eval('net_kernel:monitor_nodes(true)', { as: 'nodes' });
    const old = first.actor('target');
    const watcher = await RemoteActor.start(erl, 'watcher');
    await watcher.meet(old);
    await watcher.eval('Monitor = monitor(process, P), P ! hello');
    t.equal(await receiveText(old), 'hello');
    t.equal(await first.node.global.registerName(atom('the_name'), old.pid), true);
    await erl.evalUntil('global:whereis_name(the_name) =/= undefined', 'true');

    sever();
    await first.stop();
    const second = await startOurs();
    t.not(second.local.creation, first.local.creation);
    t.equal(await erl.eval('nodes()'), `['${first.name}']`, 'erl knows nothing of it');
    await second.connect(erl);

    await erl.evalUntil(SEEN, '[nodedown,nodeup]', { as: 'nodes' });
    t.equal(
      await watcher.eval(
        "receive {'DOWN', Monitor, process, P, Why} -> Why after 5000 -> nothing end",
      ),
      'noconnection',
    );
    t.equal(await erl.eval('nodes()'), `['${second.name}']`);
    t.equal(await erl.eval(`net_adm:ping('${second.name}')`), 'pong');
    t.strictSame(second.history(erl), ['nodeup']);

    await t.test('pids of the old incarnation are dead, names of the new one work', async (t) => {
      const target = second.actor('target');
      await watcher.eval(
        `Late = monitor(process, P), P ! to_the_old, {target, '${second.name}'} ! to_the_new`,
      );
      t.equal(await receiveText(target), 'to_the_new');
      t.equal(
        await watcher.eval("receive {'DOWN', Late, process, P, W} -> W after 5000 -> nothing end"),
        'noproc',
      );
      await erl.evalUntil('global:whereis_name(the_name)', 'undefined');
      t.equal(await second.node.global.registerName(atom('the_name'), target.pid), true);
      await erl.evalUntil('global:whereis_name(the_name) =/= undefined', 'true');
      await erl.eval('global:send(the_name, by_global_name)');
      t.equal(await receiveText(target), 'by_global_name');
    });
    t.notMatch(erl.log, /error/i);
  },
);

t.test(
  'erl is restarted while we hold the old connection',
  { skip: erlangPeer.skip },
  async (t) => {
    const { startOurs, startTheirs, sever } = await sides(t);
    const [ours, first] = await Promise.all([startOurs(), startTheirs()]);
    t.equal(await first.eval(`net_adm:ping('${ours.name}')`), 'pong');
    const watcher = ours.actor();
    const target = await RemoteActor.start(first, 'target');
    const old: Pid = await target.meet(watcher);
    watcher.monitor(old);
    const order: string[] = [];
    ours.local.onNodeEvent(({ type }) => order.push(`${type}, ${watcher.mailboxLength} down`));

    sever();
    await first.kill();
    const second = await startTheirs();
    t.strictSame(ours.local.nodes(), [first.name], 'we know nothing of it');
    t.equal(await second.eval(`net_adm:ping('${ours.name}')`), 'pong');

    t.strictSame(ours.history(second), ['nodeup', 'nodedown superseded', 'nodeup']);
    t.strictSame(order, ['nodedown, 1 down', 'nodeup, 1 down'], 'the monitor fires first of all');
    t.match(await receiveText(watcher), /noconnection\}$/);
    t.equal(await second.eval('nodes()'), `['${ours.name}']`);
    t.strictSame(ours.local.nodes(), [second.name]);

    const reborn = await RemoteActor.start(second, 'target');
    const pid = await reborn.meet(watcher);
    t.not(pid.creation, old.creation);
    watcher.send(old, atom('to_the_old'));
    watcher.send(pid, atom('to_the_new'));
    t.equal(await reborn.receive(), 'to_the_new');
    watcher.monitor(old);
    t.match(inspectTerm(await watcher.receive({ timeoutMs })), /noproc\}$/);
    t.equal(await second.eval('global:register_name(a_name, self())'), 'yes', 'global is in order');
    await until(() => ours.node.global.whereisName(atom('a_name')) !== undefined);
    t.notMatch(second.log, /error/i);
  },
);

t.test(
  'an impostor without the cookie costs nobody a connection',
  { skip: erlangPeer.skip },
  async (t) => {
    const { startOurs, startTheirs, startImpostor } = await sides(t);
    const [ours, erl] = await Promise.all([startOurs(), startTheirs()]);
    await ours.connect(erl);
    const impostor = await startImpostor();
    for (let i = 0; i < 3; i += 1) {
      t.equal(await impostor.eval(`net_adm:ping('${ours.name}')`), 'pang');
    }
    t.equal(ours.emitted('distribution.handshake.refused').at(-1)?.code, 'bad_cookie');
    t.strictSame(ours.history(erl), ['nodeup']);
    t.equal(await erl.eval(`net_adm:ping('${ours.name}')`), 'pong');
  },
);
