/** The watcher as a process, told of its deployment as the platform tells it. */
import { spawn } from 'node:child_process';
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

t.test('without an address there is nothing to watch', async (t) => {
  const watcher = start({});
  t.equal(await watcher.exited, 1);
  t.match(watcher.stderr, 'PLATFORM_ROUTES or PHX_HOST: expected the public address, got neither');
});
