import { test } from 'tap';
import { freePort } from '../support/free-ports.ts';
import { type Program, startProgram } from '../support/program.ts';
import { until } from '../support/until.ts';

async function json(url: string, init?: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(url, init);
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`);
  return (await response.json()) as Record<string, unknown>;
}

test('three processes form one cluster and count exactly', async (t) => {
  const env = { ERL_EPMD_PORT: String(await freePort()), ERLANG_COOKIE: 'three-processes' };
  const names = ['node1', 'node2', 'node3'];
  const programs: Program[] = [];
  t.teardown(() => Promise.all(programs.map((program) => program.kill('SIGKILL'))));
  const starting = names.map((name) =>
    startProgram({ env: { ...env, NODE_NAME: `${name}@127.0.0.1` } }).then((program) => {
      programs.push(program);
      return program;
    }),
  );
  await Promise.all(starting);
  const total = async ({ url }: Program): Promise<unknown> =>
    (await json(`${url}/nodes`)).total_nodes;
  await until(
    async () => (await Promise.all(programs.map(total))).every((count) => count === names.length),
    { what: () => `all see each other:\n${programs.map((program) => program.log()).join('\n')}` },
  );

  const increments = 1_000;
  const counts = await Promise.all(
    Array.from({ length: increments }, async (_, i) => {
      const { url } = programs[i % programs.length]!;
      return (await json(`${url}/counter/increment`, { method: 'POST' })).count as number;
    }),
  );
  t.strictSame(
    counts.sort((a, b) => a - b),
    Array.from({ length: increments }, (_, i) => i + 1),
    'every value was given out exactly once',
  );
  for (const { url } of programs) t.match(await json(`${url}/counter`), { count: increments });

  const codes = await Promise.all(programs.map((program) => program.kill('SIGTERM')));
  t.strictSame(codes, [0, 0, 0], 'each stops in good order');
});
