import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';

const MAIN = fileURLToPath(new URL('../../../lib/console/main.ts', import.meta.url));

/** Runs a script to its end. Nothing of the developer's own settings gets there. */
function run(script: string, args: readonly string[] = []) {
  const { PATH, HOME } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import=tsx', MAIN, '--port', '0', ...args],
    { input: script, env: { PATH, HOME }, encoding: 'utf8', timeout: 30_000 },
  );
  return { status, stdout, stderr };
}

test('a script counts on the node it runs in, and prints nothing but its results', async (t) => {
  const script = 'await Counter.increment()\nconst twice = await Counter.increment()\ntwice * 21\n';
  const { status, stdout, stderr } = run(script);
  t.equal(status, 0, stderr);
  t.strictSame(
    stdout
      .trim()
      .split('\n')
      .filter((line) => /^\d+$/.test(line)),
    ['1', '42'],
  );
  t.equal(stderr, '', 'the log is silent below a warning');
});

test('a statement that fails is told, the rest runs, and the exit code is 1', async (t) => {
  const { status, stdout } = run("throw new Error('on purpose')\n6 * 7\n");
  t.equal(status, 1);
  t.match(stdout, /on purpose/);
  t.match(stdout, /^42$/m);
});

test('a start that fails ends it with 1 before any statement', async (t) => {
  const { status, stdout, stderr } = run('6 * 7\n', ['--name', 'no host']);
  t.equal(status, 1);
  t.equal(stdout, '');
  t.match(stderr, /--name: expected NAME@HOST/);
});

test('--help shows the flags and what is in scope', async (t) => {
  const { status, stdout } = run('', ['--help']);
  t.equal(status, 0);
  t.match(stdout, /--connect/);
  t.match(stdout, /Counter/);
});
