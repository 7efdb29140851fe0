import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { clusterUsage } from '../../../lib/cluster/options.ts';

const MAIN = fileURLToPath(new URL('../../../lib/cluster/main.ts', import.meta.url));

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import=tsx', MAIN, ...args], {
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

t.test('--help answers, whatever else is wrong', async (t) => {
  t.strictSame(run('--help', '--nodes', '0'), {
    status: 0,
    stdout: `${clusterUsage()}\n`,
    stderr: '',
  });
});

t.test('wrong flags end it with 1, with every problem and no stack', async (t) => {
  const { status, stdout, stderr } = run('--nodes', '0', '--port', 'x');
  t.equal(status, 1);
  t.equal(stdout, '');
  t.match(
    stderr,
    /^cannot start: the configuration has 2 problems:\n {2}--nodes: .*\n {2}--port: .*\n$/,
  );
});
