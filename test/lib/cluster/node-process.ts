import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { describeExit, NodeProcess } from '../../../lib/cluster/node-process.ts';

function start(t: Test, source: string) {
  const program = join(t.testdir(), 'program.mjs');
  writeFileSync(program, source);
  const lines: string[] = [];
  const env = { PATH: process.env.PATH, GREETING: 'hello' };
  const node = { name: 'a@h', tcpPort: 1, url: 'http://h:1', env };
  let onLine: (line: string) => void = () => {};
  const first = new Promise<void>((resolve) => {
    onLine = (line) => {
      lines.push(line);
      resolve();
    };
  });
  const child = new NodeProcess({ node, program, onLine });
  t.teardown(() => child.kill());
  return { child, lines, first };
}

t.test('passes on lines, and keeps those of standard error', async (t) => {
  const { child, lines } = start(
    t,
    'console.log(process.env.GREETING, process.argv.length); console.error("why"); process.exitCode = 3;',
  );
  t.strictSame(await child.exited, { type: 'code', code: 3 });
  t.strictSame(lines.sort(), ['hello 2', 'why']);
  t.equal(child.lastWords, 'why');
  t.ok(child.hasExited);
  t.notOk(child.isStopping);
  await child.stop();
});

t.test('asks for an orderly end first', async (t) => {
  const { child, first } = start(
    t,
    'process.on("SIGTERM", () => process.exit(7)); setInterval(() => {}, 1e3); console.log("up");',
  );
  await first;
  await child.stop();
  t.strictSame(await child.exited, { type: 'code', code: 7 });
  t.ok(child.isStopping);
});

t.test('ends by force what does not end', async (t) => {
  const { child, first } = start(
    t,
    'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e3); console.log("up");',
  );
  await first;
  await child.stop(10);
  t.strictSame(await child.exited, { type: 'signal', signal: 'SIGKILL' });
});

t.test('knows that it has started when it says so', async (t) => {
  const { child } = start(
    t,
    'process.send("other"); process.send("started", () => process.disconnect());',
  );
  t.notOk(child.hasStarted);
  await child.exited;
  t.ok(child.hasStarted);
});

t.test('gives it a channel that tells of our end', async (t) => {
  const { child, lines } = start(t, 'console.log(process.connected); process.disconnect();');
  await child.exited;
  t.strictSame(lines, ['true']);
});

t.test('describes an end', async (t) => {
  t.equal(describeExit({ type: 'code', code: 1 }), 'with exit code 1');
  t.equal(describeExit({ type: 'signal', signal: 'SIGKILL' }), 'by SIGKILL');
  t.equal(describeExit({ type: 'not_started', error: new Error('x') }), 'before it began: x');
});
