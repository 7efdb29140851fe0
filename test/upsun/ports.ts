/** Where the built program lets other nodes in: on its own address, on the ports that it is given. */
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { listNames } from '../../lib/distribution/index.ts';
import { freePort, freePorts } from '../support/free-ports.ts';
import { startProgram } from '../support/program.ts';

/** Whether somebody listens there. */
async function isOpen(host: string, tcpPort: number): Promise<boolean> {
  const socket = connect(tcpPort, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

t.test('the range is kept to, and what is taken in it is left out', async (t) => {
  const [epmdPort, first] = [await freePort(), await freePorts(3)];
  const env = {
    ...{ ERL_EPMD_PORT: String(epmdPort), ERLANG_COOKIE: 'ports' },
    ...{ DIST_PORT_MIN: String(first), DIST_PORT_MAX: String(first + 2) },
  };
  // The first port of the range is for HTTP, which begins to listen last: it is kept clear all the same.
  for (const [name, port] of [
    ['one', String(first)],
    ['two', '0'],
  ] as const) {
    const program = await startProgram({
      env: { ...env, NODE_NAME: `${name}@127.0.0.1`, PORT: port },
    });
    t.teardown(() => program.kill('SIGKILL'));
  }
  const listed = await listNames({ host: '127.0.0.1', epmdPort, timeoutMs: 5_000 });
  t.strictSame(listed.map(({ name, tcpPort }) => `${name} ${tcpPort}`).sort(), [
    `one ${first + 1}`,
    `two ${first + 2}`,
  ]);
});

const skip = process.platform === 'linux' ? false : 'one loopback address only';

t.test('nobody is let in on another address than the own one', { skip }, async (t) => {
  const commonPort = await freePort();
  const program = await startProgram({
    env: {
      ...{ NODE_NAME: 'own@127.0.0.5', ERLANG_COOKIE: 'ports' },
      ERL_DIST_PORT: String(commonPort),
    },
  });
  t.teardown(() => program.kill('SIGKILL'));
  t.equal(await isOpen('127.0.0.5', commonPort), true);
  t.equal(await isOpen('127.0.0.1', commonPort), false);
});

t.test(
  'with distribution off nothing is open, whatever the peers file says',
  { skip },
  async (t) => {
    const commonPort = await freePort();
    const PEERS_FILE = `${t.testdir({ 'peers.json': '{"a.0":"127.0.0.5"}' })}/peers.json`;
    const program = await startProgram({
      env: {
        ...{ NODE_NAME: 'own@127.0.0.5', ERLANG_COOKIE: 'ports', PEERS_FILE },
        ...{ ERL_DIST_PORT: String(commonPort), ENABLE_DISTRIBUTION: 'false' },
      },
    });
    t.teardown(() => program.kill('SIGKILL'));
    t.equal(await isOpen('127.0.0.5', commonPort), false);
    t.match(await (await fetch(`${program.url}/nodes`)).json(), { current_node: 'nonode@nohost' });
  },
);
