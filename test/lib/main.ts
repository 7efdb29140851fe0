import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { usage } from '../../lib/config.ts';
import { versionText } from '../../lib/version.ts';

const MAIN = fileURLToPath(new URL('../../lib/main.ts', import.meta.url));

/** Runs the program to its end. Nothing of the developer's own settings gets there. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import=tsx', MAIN, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

test('--help and --version answer on standard output, whatever else is wrong', async (t) => {
  t.strictSame(run(['--help', '--port', 'many']), {
    status: 0,
    stdout: `${usage()}\n`,
    stderr: '',
  });
  t.strictSame(run(['--version'], { PORT: 'many' }), {
    status: 0,
    stdout: `${versionText()}\n`,
    stderr: '',
  });
});

test('a wrong configuration ends it with 1, with every problem and no stack', async (t) => {
  const { status, stdout, stderr } = run(['--port', 'many'], { LOG_LEVEL: 'loud' });
  t.equal(status, 1);
  t.equal(stdout, '');
  t.match(stderr, /--port: expected a TCP port/);
  t.match(stderr, /LOG_LEVEL: expected debug, info, warn or error/);
  t.notMatch(stderr, /\n {4}at /);
});
