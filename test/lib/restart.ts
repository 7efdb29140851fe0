import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { type RestartOptions, restart } from '../../lib/restart.ts';

const options: RestartOptions = {
  flags: ['--max-semi-space-size=1'],
  script: 'main.js',
  argv: ['--port', '0'],
  execArgv: ['--import=tsx'],
  env: { PORT: '1', GONE: undefined },
};

t.test('replaces the process, with its own flags and arguments behind the new ones', async (t) => {
  const replaced: unknown[] = [];
  const execve = (...args: unknown[]): never => {
    replaced.push(...args);
    throw new Error('replaced');
  };
  t.throws(() => restart({ ...options, execve }), { message: 'replaced' });
  t.strictSame(replaced, [
    process.execPath,
    [process.execPath, '--max-semi-space-size=1', '--import=tsx', 'main.js', '--port', '0'],
    { PORT: '1' },
  ]);
  t.throws(() => restart({ ...options, execve: () => {} }), { message: /it goes on/ });
});

const RESTART = fileURLToPath(new URL('../../lib/restart.ts', import.meta.url));

/** A process that cannot be replaced: it starts `script` as its child, and ends with the exit code of that. */
function startParent(t: Test, script: string) {
  const argv = JSON.stringify({
    ...{ flags: ['--max-old-space-size=64'], script: '-e', argv: [script], execArgv: [] },
    env: { PATH: process.env.PATH },
  });
  const source = `
    import { restart } from ${JSON.stringify(RESTART)};
    process.exitCode = await restart({ ...${argv}, execve: null });`;
  const args = ['--import=tsx', '--input-type=module', '-e', source];
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  t.teardown(() => parent.kill('SIGKILL'));
  const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
  return {
    parent,
    exited: once(parent, 'exit'),
    line: async (): Promise<string> => String((await lines.next()).value),
  };
}

/** Waits to be told to end, by a signal or by the end of the channel. */
const WAITING = `
  process.on('SIGTERM', () => { console.log('told'); process.exit(7); });
  process.on('disconnect', () => process.exit(8));
  // The young generation counts, too, which is 192 MB with Node.js 24.
  const limit = require('node:v8').getHeapStatistics().heap_size_limit;
  console.log(process.pid + ' ' + process.env.STOP_WITH_PARENT + ' ' + (limit < 300e6));`;

t.test('an older Node.js has a child, which hears the signals, and ends as it does', async (t) => {
  const { parent, exited, line } = startParent(t, WAITING);
  t.match(await line(), /^\d+ true true$/);
  parent.kill('SIGTERM');
  t.equal(await line(), 'told');
  t.strictSame(await exited, [7, null]);
});

t.test('a signal that ends the child ends its parent', async (t) => {
  const { exited, line } = startParent(t, WAITING);
  process.kill(Number.parseInt(await line(), 10), 'SIGKILL');
  t.strictSame(await exited, [null, 'SIGKILL']);
});

t.test('a child does not outlive its parent', async (t) => {
  const { parent, exited, line } = startParent(
    t,
    `process.on('disconnect', () => { console.log('gone'); process.exit(0); }); console.log('up');`,
  );
  t.equal(await line(), 'up');
  parent.kill('SIGKILL');
  await exited;
  t.equal(await line(), 'gone');
});
