import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { LineBuffer } from '../../../lib/telemetry/line-buffer.ts';

t.test('the lines of one turn are one write, in order', async (t) => {
  const writes: string[] = [];
  const clock = { now: 0 };
  const now = () => clock.now;
  const buffer = new LineBuffer({ write: (lines) => writes.push(lines) }, { now });
  const before = process.listeners('exit');
  buffer.write('a\n');
  buffer.write('b\n');
  const added = process.listeners('exit').filter((listener) => !before.includes(listener));
  t.equal(added.length, 1);
  t.strictSame(writes, []);
  await new Promise(setImmediate);
  t.strictSame(writes, ['a\nb\n']);
  t.notOk(process.listeners('exit').includes(added[0]!), 'nothing is left behind');
  clock.now = 10;
  buffer.write('c\n');
  await new Promise(setImmediate);
  t.strictSame(writes, ['a\nb\n', 'c\n']);
});

t.test('lines in quick succession wait for each other', async (t) => {
  const writes: string[] = [];
  const buffer = new LineBuffer({ write: (lines) => writes.push(lines) }, { pauseMs: 60_000 });
  buffer.write('a\n');
  await new Promise(setImmediate);
  t.strictSame(writes, ['a\n']);
  for (const line of ['b\n', 'c\n']) {
    buffer.add(line);
    await new Promise(setImmediate);
  }
  t.strictSame(writes, ['a\n'], 'the turns that have ended were none to write in');
  const much = 'x'.repeat(64 * 1024);
  buffer.add(much);
  t.strictSame(writes, ['a\n', `b\nc\n${much}`]);
});

t.test('the last of them do not wait for another one', async (t) => {
  const writes: string[] = [];
  let written = (): void => undefined;
  const write = (lines: string): void => {
    writes.push(lines);
    written();
  };
  const buffer = new LineBuffer({ write }, { pauseMs: 5, now: () => 0 });
  buffer.write('a\n');
  await new Promise(setImmediate);
  const next = new Promise<void>((resolve) => {
    written = resolve;
  });
  buffer.add('b\n');
  buffer.add('c\n');
  await next;
  t.strictSame(writes, ['a\n', 'b\nc\n']);
});

t.test('what is much does not wait', async (t) => {
  const writes: string[] = [];
  const buffer = new LineBuffer({ write: (lines) => writes.push(lines) }, { pauseMs: 60_000 });
  const line = `${'x'.repeat(1023)}\n`;
  for (let at = 0; at < 64; at += 1) buffer.add(line);
  t.strictSame(writes, [line.repeat(64)]);
});

t.test('a line that cannot wait takes those before it along', async (t) => {
  const writes: string[] = [];
  const buffer = new LineBuffer(
    { write: (lines) => writes.push(lines) },
    {
      ...{ isUrgent: (line) => line === '!\n', pauseMs: 0 },
    },
  );
  buffer.write('a\n');
  buffer.write('!\n');
  t.strictSame(writes, ['a\n!\n']);
  buffer.write('b\n');
  await new Promise(setImmediate);
  t.strictSame(writes, ['a\n!\n', 'b\n']);
});

for (const [how, end] of [
  ['an exit', 'process.exit(3)'],
  ['an uncaught error', 'throw new Error("boom")'],
] as const) {
  t.test(`no line is lost by ${how} in the same turn`, async (t) => {
    const file = fileURLToPath(new URL('../../../lib/telemetry/line-buffer.ts', import.meta.url));
    const script = `
      const isUrgent = (line) => line.includes('!');
      import { writeSync } from 'node:fs';
      import { LineBuffer } from ${JSON.stringify(file)};
      const buffer = new LineBuffer({ write: (lines) => writeSync(1, lines) }, { isUrgent });
      
      buffer.write('first\\n!\\n');
      buffer.write('last\\n');
      ${end};`;
    const args = ['--import=tsx', '--input-type=module', '--eval', script];
    let output: unknown;
    try {
      execFileSync(process.execPath, args, { stdio: 'pipe' });
    } catch (error) {
      output = (error as { readonly stdout: Buffer }).stdout;
    }
    t.equal(String(output), 'first\n!\nlast\n');
  });
}
