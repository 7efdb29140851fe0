import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { LineBuffer } from '../../../lib/telemetry/line-buffer.ts';

t.test('the lines of one turn are one write, in order', async (t) => {
  const writes: string[] = [];
  const buffer = new LineBuffer({ write: (lines) => writes.push(lines) });
  const before = process.listeners('exit');
  buffer.write('a\n');
  buffer.write('b\n');
  const added = process.listeners('exit').filter((listener) => !before.includes(listener));
  t.equal(added.length, 1);
  t.strictSame(writes, []);
  await new Promise(setImmediate);
  t.strictSame(writes, ['a\nb\n']);
  t.notOk(process.listeners('exit').includes(added[0]!), 'nothing is left behind');
  buffer.write('c\n');
  await new Promise(setImmediate);
  t.strictSame(writes, ['a\nb\n', 'c\n']);
});

t.test('a line that cannot wait takes those before it along', async (t) => {
  const writes: string[] = [];
  const buffer = new LineBuffer({ write: (lines) => writes.push(lines) }, (line) => line === '!\n');
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
      import { writeSync } from 'node:fs';
      import { LineBuffer } from ${JSON.stringify(file)};
      const buffer = new LineBuffer({ write: (lines) => writeSync(1, lines) });
      buffer.write('last\\n');
      ${end};`;
    const args = ['--import=tsx', '--input-type=module', '--eval', script];
    let output: unknown;
    try {
      execFileSync(process.execPath, args, { stdio: 'pipe' });
    } catch (error) {
      output = (error as { readonly stdout: Buffer }).stdout;
    }
    t.equal(String(output), 'last\n');
  });
}
