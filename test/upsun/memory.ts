/** Whether the heap of the program follows the memory of its container, on every release of Node.js. */
import { delimiter } from 'node:path';
import t from 'tap';
import { startProgram } from '../support/program.ts';

const releases = (process.env.NODE_RELEASES ?? '').split(delimiter).filter((path) => path !== '');

for (const node of [process.execPath, ...releases]) {
  t.test(`the limit is in force with ${node}`, async (t) => {
    const text = '{"info":{"limits":{"cpu":0.1,"memory":128}}}';
    const LIMITS_FILE = `${t.testdir({ 'config.json': text })}/config.json`;
    const limited = await startProgram({ node, env: { LIMITS_FILE } });
    t.teardown(() => limited.kill('SIGKILL'));
    const started = /^.*"msg":"started".*$/m.exec(limited.log())?.[0] ?? '';
    const { heapLimitMb } = JSON.parse(started) as { readonly heapLimitMb: number };
    // The old generation of 42 MB, and a young one of up to three semi-spaces.
    t.ok(heapLimitMb >= 42 && heapLimitMb <= 48, `${heapLimitMb} MB`);
    t.equal((await fetch(limited.url)).status, 200);
    t.equal(await limited.kill('SIGTERM'), 0);
  });
}

t.test('a limit set by hand stays, and a file that says nothing sets none', async (t) => {
  const limit = async (
    env: Record<string, string>,
    runner: readonly string[] = [],
  ): Promise<number> => {
    const program = await startProgram({ env, runner });
    const started = /"heapLimitMb":(\d+)/.exec(program.log());
    t.equal(await program.kill('SIGTERM'), 0);
    return Number(started?.[1]);
  };
  const dir = t.testdir({ 'config.json': '{"info":{"limits":{"memory":128}}}', broken: '{' });
  // `env` sets it, since the test runner has a use of its own for that variable of what it starts.
  const byHand = ['env', 'NODE_OPTIONS=--max-old-space-size=300'];
  const kept = await limit({ LIMITS_FILE: `${dir}/config.json` }, byHand);
  t.ok(kept >= 300, `${kept} MB`);
  t.ok((await limit({ LIMITS_FILE: `${dir}/broken` })) > 300);
  t.ok((await limit({ LIMITS_FILE: `${dir}/none` })) > 300);
});
