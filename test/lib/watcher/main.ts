/** The watcher as a process, told of its deployment as the platform tells it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Command } from '../../support/checkout.ts';
import { startProgram } from '../../support/program.ts';

const MAIN = fileURLToPath(new URL('../../../lib/watcher/main.ts', import.meta.url));

function start(env: Readonly<Record<string, string>>): Command {
  const child = spawn(process.execPath, ['--import=tsx', MAIN], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  return new Command('the watcher', child);
}

t.test('logs what it sees at the public address, and ends on SIGTERM with 0', async (t) => {
  const program = await startProgram();
  t.teardown(() => program.kill('SIGKILL'));
  const routes = { [`${program.url}/`]: { primary: true, type: 'upstream' } };
  const watcher = start({
    NODE_ENV: 'production',
    PLATFORM_ROUTES: Buffer.from(JSON.stringify(routes)).toString('base64'),
  });
  t.teardown(() => watcher.signalGroup('SIGKILL'));
  const [line] = await watcher.expect(/^.*"msg":"seen".*$/m);
  t.match(JSON.parse(line), {
    ...{ level: 'info', url: program.url, node: 'nonode@nohost', nodes: 1, count: '0' },
  });
  process.kill(watcher.pid, 'SIGTERM');
  t.equal(await watcher.exited, 0);
  t.match(watcher.stdout, /"msg":"stopped"/);
});

t.test('a look under way does not keep it from ending', async (t) => {
  const silent = createServer();
  const asked = once(silent, 'request');
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const routes = { [url]: { primary: true, type: 'upstream' } };
  const watcher = start({
    PLATFORM_ROUTES: Buffer.from(JSON.stringify(routes)).toString('base64'),
  });
  t.teardown(() => watcher.signalGroup('SIGKILL'));
  const [request] = (await asked) as [IncomingMessage];
  const givenUp = once(request.socket, 'close');
  const sentAt = performance.now();
  process.kill(watcher.pid, 'SIGTERM');
  t.equal(await watcher.exited, 0);
  await givenUp;
  t.ok(performance.now() - sentAt < 5_000, 'which is half of the time that an answer may take');
  t.match(watcher.stdout, /"msg":"stopped"/);
});

t.test('without an address there is nothing to watch', async (t) => {
  const watcher = start({});
  t.equal(await watcher.exited, 1);
  t.match(watcher.stderr, 'PLATFORM_ROUTES or PHX_HOST: expected the public address, got neither');
});
