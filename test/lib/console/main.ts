import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const MAIN = fileURLToPath(new URL('../../../lib/console/main.ts', import.meta.url));

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import=tsx', MAIN, ...args], {
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

t.test('--help speaks of the console', async (t) => {
  const { status, stdout } = run('--help', '--port', 'x');
  t.equal(status, 0);
  t.match(stdout, 'Usage: npm run console -- [flags]');
  t.match(stdout, 'Counter.increment()');
  t.match(stdout, '(default warn)');
});

t.test('a wrong configuration ends it with 1, before anything runs', async (t) => {
  const { status, stdout, stderr } = run('--port', 'x');
  t.equal(status, 1);
  t.equal(stdout, '');
  t.match(stderr, /--port: expected a TCP port/);
});
