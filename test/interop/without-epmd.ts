/**
 * A cluster in which every node listens on the same port of its own address, as `erl -erl_epmd_port` has
 * it: nobody registers, nobody is asked.
 */
import t from 'tap';
import { atom } from '../../lib/distribution/terms/atom.ts';
import { freePort } from '../support/free-ports.ts';
import { TestNode } from '../support/interop.ts';
import { erlangPeer, type Peer, startErl } from '../support/peers.ts';
import { startProgram } from '../support/program.ts';

const skip = erlangPeer.skip || (process.platform !== 'linux' && 'one loopback address only');
const cookie = 'without-epmd';

t.test('erl and nodes of ours without a port mapper', { skip }, async (t) => {
  const commonPort = await freePort();
  // Nothing listens there. Whoever asks a port mapper all the same gets no answer.
  const epmdPort = await freePort();
  const args = ['-erl_epmd_port', String(commonPort)];
  const erlAt = async (name: string, host: string): Promise<Peer> => {
    const address = `{${host.replaceAll('.', ',')}}`;
    const peer = await startErl({
      ...{ name: `${name}@${host}`, cookie, epmdPort },
      args: [...args, '-kernel', 'inet_dist_use_interface', address],
    });
    t.teardown(() => peer.kill());
    return peer;
  };
  const ourAt = async (name: string, host: string): Promise<TestNode> => {
    const options = { name: `${name}@${host}`, cookie, epmdPort, commonPort, listenHost: host };
    const node = await TestNode.start(options);
    t.teardown(() => node.stop());
    return node;
  };
  // The first of them is where `startErl` lets every node listen.
  const [ours, other, erl] = await Promise.all([
    ourAt('ours', '127.0.0.2'),
    ourAt('other', '127.0.0.3'),
    erlAt('erl', '127.0.0.1'),
  ]);

  await t.test('erl dials us', async (t) => {
    t.equal(await erl.eval(`net_adm:ping('${ours.name}')`), 'pong');
    await ours.connected(erl);
    t.strictSame(ours.local.nodes(), [erl.name]);
  });

  await t.test('we dial erl, and come again after a disconnect', async (t) => {
    t.equal(ours.local.disconnect(erl.name), true);
    await erl.evalUntil('nodes()', '[]');
    await ours.connect(erl);
    t.equal(await erl.eval('nodes()'), `['${ours.name}']`);
  });

  await t.test('the mesh closes by itself: global makes the missing connection', async (t) => {
    await other.connect(ours);
    await other.connected(erl);
    t.strictSame([...other.local.nodes()].sort(), [erl.name, ours.name].sort());
    await erl.evalUntil('lists:sort(nodes())', `['${other.name}','${ours.name}']`);
  });

  await t.test('names and messages work as ever', async (t) => {
    t.equal(await erl.eval('global:register_name(there, self())'), 'yes');
    const pid = await other.node.global.waitForName(atom('there'), { timeoutMs: 10_000 });
    if (pid === undefined) throw new Error('expected the name to be known');
    other.actor('writer').send(pid, atom('hello'));
    t.equal(await erl.eval('receive M -> M after 5000 -> nothing end'), 'hello');
  });

  await t.test('the program itself, told of the port by ERL_DIST_PORT', async (t) => {
    const name = 'program@127.0.0.4';
    const program = await startProgram({
      env: {
        ...{ NODE_NAME: name, ERLANG_COOKIE: cookie, CONNECT_NODES: erl.name },
        ...{ ERL_DIST_PORT: String(commonPort), ERL_EPMD_PORT: String(epmdPort) },
      },
    });
    t.teardown(() => program.kill('SIGKILL'));
    await erl.evalUntil(`lists:member('${name}', nodes())`, 'true');
    const counter = "{global, 'Elixir.HelloDistributed.DistributedCounter'}";
    t.equal(await erl.eval(`gen_server:call(${counter}, increment)`), '1');
    t.equal(await program.kill('SIGTERM'), 0);
  });

  t.notMatch(erl.log, /error|warning/i);
});
