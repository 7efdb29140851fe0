/** The box of a rehearsal: what runs in there is alone, and nothing of it stays. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { BoxError, findWay, startBox } from '../support/rehearsal/box.ts';
import { commandLinesWith, skipWithoutBoxes } from '../support/rehearsal/traces.ts';
import { until } from '../support/until.ts';

const skip = await skipWithoutBoxes();

function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'hello-distributed-box-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

t.test(
  'both stages run, in one folder, and the exit code is that of the last',
  { skip },
  async (t) => {
    const outside = temporaryFolder(t);
    const script = `
    out=${outside}
    echo "$1" >> $out/stages
    echo "$2" > $out/folder
    if [ "$1" = build ]; then echo built > "$2/result"; exit 0; fi
    cat "$2/result" > $out/result
    echo $$ > $out/pid
    ls /sys/class/net > $out/links
    ip netns add hd-test
    ip netns list > $out/namespaces
    exit 7`;
    const box = startBox(await findWay(), ['sh', '-c', script, 'sh']);
    t.equal(await box.exited, 7);
    const told = (name: string): string => readFileSync(join(outside, name), 'utf8').trim();
    t.equal(told('stages'), 'build\nplay');
    t.equal(told('result'), 'built');
    t.equal(told('pid'), '1', 'the first process of its own');
    t.match(told('namespaces'), /^hd-test\b[^\n]*$/, 'and no namespace but its own');
    t.notOk(existsSync(told('folder')), 'the folder is gone');
    t.notMatch(execFileSync('ip', ['netns', 'list']).toString(), 'hd-test');
  },
);

t.test('without a build there is no play', { skip }, async (t) => {
  const outside = temporaryFolder(t);
  const script = `echo "$1" >> ${outside}/stages; exit 3`;
  const box = startBox(await findWay(), ['sh', '-c', script, 'sh']);
  t.equal(await box.exited, 3);
  t.equal(readFileSync(join(outside, 'stages'), 'utf8'), 'build\n');
});

t.test('a box that is killed ends with all that runs in it', { skip }, async (t) => {
  const outside = temporaryFolder(t);
  const script = `sh -c 'sleep 600' ${outside} & touch ${outside}/up; sleep 600`;
  const box = startBox(await findWay(), ['sh', '-c', script, 'sh']);
  await until(() => existsSync(join(outside, 'up')));
  t.not(commandLinesWith(outside).length, 0);
  box.kill();
  t.not(await box.exited, 0);
  await until(() => commandLinesWith(outside).length === 0, { what: 'the end of all' });
});

t.test(
  'so does the box of a process that is killed, whose folder the next removes',
  { skip },
  async (t) => {
    const outside = temporaryFolder(t);
    const module = fileURLToPath(new URL('../support/rehearsal/box.ts', import.meta.url));
    const code = `
    const { findWay, startBox } = await import(${JSON.stringify(module)});
    startBox(await findWay(), ['sh', '-c', 'echo "$2" > ${outside}/folder; sleep 600', 'sh']);`;
    const args = ['--import=tsx', '--input-type=module', '-e', code];
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    t.teardown(() => child.kill('SIGKILL'));
    const told = join(outside, 'folder');
    await until(() => existsSync(told) && readFileSync(told, 'utf8') !== '', { timeoutMs: 30_000 });
    const folder = readFileSync(told, 'utf8').trim();
    child.kill('SIGKILL');
    await once(child, 'close');
    await until(() => commandLinesWith(folder).length === 0, { what: 'the end of all' });
    t.strictSame(readdirSync(folder), [], 'what it held was in memory');
    await startBox(await findWay(), ['true']).exited;
    t.notOk(existsSync(folder));
  },
);

t.test('the folder of a box that still runs is left alone', { skip }, async (t) => {
  const folder = join(tmpdir(), `hello-distributed-rehearsal-${process.pid}-other`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'file'), '');
  t.teardown(() => rmSync(folder, { recursive: true }));
  await startBox(await findWay(), ['true']).exited;
  t.ok(existsSync(folder));
});

t.test('so is the folder of another user, whatever became of its box', { skip }, async (t) => {
  if (process.getuid?.() !== 0) return t.comment('only root can make one');
  // No process has that id: it is above all that Linux gives.
  const folder = join(tmpdir(), 'hello-distributed-rehearsal-99999999-other');
  mkdirSync(folder);
  t.teardown(() => rmSync(folder, { recursive: true }));
  chownSync(folder, 65_534, 65_534);
  await startBox(await findWay(), ['true']).exited;
  t.ok(existsSync(folder));
});

t.test('where no box can be made, it says what is needed and why it failed', async (t) => {
  const failing = findWay([['--no-such-namespace'], ['--neither']]);
  await t.rejects(failing, BoxError);
  await t.rejects(failing, {
    message:
      /iproute2.+user namespaces.+\n {2}unshare --no-such-namespace: .+(\n.*)*unshare --neither: /,
  });
});
