/** The network of the fault tests is cut where they say, and leaves nothing behind. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { HostNetwork, skipWithoutNamespaces } from '../support/faults/hosts.ts';
import { until } from '../support/peers.ts';

const skip = await skipWithoutNamespaces();
const PORT = 7_000;

/** Which hosts a connection reaches from each one, itself included. */
function reachable({ hosts }: HostNetwork): string[] {
  return hosts.map(({ namespace }) => {
    const script = hosts
      .map(
        ({ address }, to) =>
          `timeout 0.3 bash -c '</dev/tcp/${address}/${PORT}' && echo -n ${to}; `,
      )
      .join('');
    const shell = ['netns', 'exec', namespace, 'bash', '-c', script];
    return spawnSync('ip', shell, { stdio: ['ignore', 'pipe', 'ignore'] }).stdout.toString();
  });
}

/** Whether this process reaches a host. */
async function canReach(address: string): Promise<boolean> {
  const socket = connect({ host: address, port: PORT, timeout: 300 });
  socket.once('timeout', () => socket.destroy(new Error('timeout')));
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function listenOnEach(t: Test, { hosts }: HostNetwork): Promise<void> {
  for (const { namespace } of hosts) {
    const script = `require('net').createServer().listen(${PORT}, () => console.log('up'))`;
    const args = ['netns', 'exec', namespace, process.execPath, '-e', script];
    const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
  }
}

function left(prefix: string): string[] {
  const links = execFileSync('ip', ['-o', 'link']).toString();
  const spaces = execFileSync('ip', ['netns', 'list']).toString();
  return `${links}\n${spaces}`.split('\n').filter((line) => line.includes(prefix));
}

t.test('hosts reach each other within their side only', { skip }, async (t) => {
  const network = await HostNetwork.create(t, 4);
  await listenOnEach(t, network);
  // It takes hosts a moment to believe in an address again that nobody answered for.
  const whole = () =>
    until(() => reachable(network).every((reached) => reached === '0123'), { what: 'one network' });
  await whole();
  await network.cut([
    [0, 3],
    [1, 2],
  ]);
  t.strictSame(reachable(network), ['03', '12', '12', '03']);
  await network.heal();
  await whole();
  await network.cut([[0], [1], [2, 3]]);
  t.strictSame(reachable(network), ['0', '1', '23', '23']);
  await network.heal();
  await whole();
});

t.test('with an outlet, this process is a host among them', { skip }, async (t) => {
  const network = await HostNetwork.create(t, 2, { outlet: true });
  await listenOnEach(t, network);
  for (const { address, managementAddress } of network.hosts) {
    t.equal(managementAddress, address);
    await until(() => canReach(address), { what: `a connection to ${address}` });
  }
  await until(() => reachable(network).every((reached) => reached === '01'), { what: 'no gap' });
  const prefix = network.hosts[0]!.namespace.slice(0, -2);
  await network.remove();
  t.strictSame(left(prefix), []);
});

t.test('nothing remains of the network', { skip }, async (t) => {
  const network = await HostNetwork.create(t, 2);
  const prefix = network.hosts[0]!.namespace.slice(0, -2);
  t.ok(left(prefix).length >= 5, 'it is there');
  await network.remove();
  t.strictSame(left(prefix), []);
  await network.remove();
});

for (const end of ['process.exit(0)', 'process.kill(process.pid, "SIGINT")', 'throw new Error()']) {
  t.test(`nor when the process that made it ends by ${end}`, { skip }, async (t) => {
    const module = fileURLToPath(new URL('../support/faults/hosts.ts', import.meta.url));
    const script = `
      const { HostNetwork } = await import(${JSON.stringify(module)});
      const network = await HostNetwork.create({ teardown() {} }, 2);
      console.log(network.hosts[0].namespace);
      setTimeout(() => { ${end} }, 10);`;
    const args = ['--import=tsx', '--input-type=module', '-e', script];
    const child = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const namespace = child.stdout.toString().trim();
    t.match(namespace, /^hd\d+x\w+h0$/);
    t.strictSame(left(namespace.slice(0, -2)), []);
  });
}

t.test('what a killed process left behind is removed by the next', { skip }, async (t) => {
  execFileSync('ip', ['netns', 'add', 'hd999999999x0h0']);
  await HostNetwork.create(t, 1);
  t.strictSame(left('hd999999999x'), []);
});
