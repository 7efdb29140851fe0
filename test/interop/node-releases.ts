import { delimiter } from 'node:path';
import { test } from 'tap';
import { freePort } from '../support/free-ports.ts';
import { type Program, startProgram } from '../support/program.ts';
import { until } from '../support/until.ts';

/** Paths of further Node.js binaries, separated as in PATH; `.ci/run` sets it. */
const releases = (process.env.NODE_RELEASES ?? '').split(delimiter).filter((path) => path !== '');
const skip =
  releases.length === 0 && process.env.CI !== 'true'
    ? 'NODE_RELEASES names no further Node.js binaries'
    : false;

test('nodes on every supported Node.js release share one counter', { skip }, async (t) => {
  t.ok(releases.length > 0, 'there are other releases to run');
  const env = { ERL_EPMD_PORT: String(await freePort()), ERLANG_COOKIE: 'node-releases' };
  const programs: Program[] = [];
  t.teardown(() => Promise.all(programs.map((program) => program.kill('SIGKILL'))));
  for (const [i, node] of [process.execPath, ...releases].entries()) {
    const name = { NODE_NAME: `release${i}@127.0.0.1` };
    programs.push(await startProgram({ node, env: { ...env, ...name } }));
  }
  await until(
    async () => {
      const responses = await Promise.all(programs.map(({ url }) => fetch(`${url}/nodes`)));
      const nodes = await Promise.all(responses.map((response) => response.json()));
      return nodes.every(
        (view) => (view as Record<string, unknown>).total_nodes === programs.length,
      );
    },
    { what: () => programs.map((program) => program.log()).join('\n') },
  );
  for (const [i, { url }] of programs.entries()) {
    const response = await fetch(`${url}/counter/increment`, { method: 'POST' });
    t.match(await response.json(), { count: i + 1 });
  }
  const codes = await Promise.all(programs.map((program) => program.kill('SIGTERM')));
  t.ok(codes.every((code) => code === 0));
});
