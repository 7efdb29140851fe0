import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { CompiledFile } from '../../lib/compiled-file.ts';
import { ROOT } from '../support/source-tree.ts';

const BUNDLE = 'dist/lib/program.bundle.js';

/** A copy of what was built, without what was compiled in advance. */
function builtCopy(t: Test): string {
  const folder = t.testdir();
  for (const path of ['dist', 'package.json']) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  }
  for (const path of ['lib', 'node_modules']) symlinkSync(join(ROOT, path), join(folder, path));
  rmSync(join(folder, `${BUNDLE}.cache`));
  return folder;
}

/** Settings that would spoil it, if they got there. */
const SPOILT = { PORT: 'many', DATA_DIR: '/proc/nowhere', LOG_LEVEL: 'error' };

function precompile(folder: string) {
  const { status, stderr } = spawnSync(process.execPath, ['dist/lib/precompile.js'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...SPOILT },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stderr };
}

const cacheUsed = (folder: string): boolean | undefined =>
  CompiledFile.open(pathToFileURL(join(folder, BUNDLE)))?.cacheUsed;

t.test('the build has compiled the program in advance', async (t) => {
  t.equal(cacheUsed(ROOT), true);
});

t.test(
  'runs the program once, with settings of its own, and keeps what was compiled',
  async (t) => {
    const folder = builtCopy(t);
    t.equal(cacheUsed(folder), false);
    t.strictSame(precompile(folder), { status: 0, stderr: '' });
    t.equal(cacheUsed(folder), true);
  },
);

t.test('a build that changes nothing keeps what was compiled', async (t) => {
  const folder = builtCopy(t);
  precompile(folder);
  const cache = join(folder, `${BUNDLE}.cache`);
  utimesSync(cache, 1, 1);
  t.strictSame(precompile(folder), { status: 0, stderr: '' });
  t.equal(statSync(cache).mtimeMs, 1000);
});

t.test('where it cannot serve, it says so, and keeps what there is', async (t) => {
  const folder = builtCopy(t);
  // Without the files of its dashboard it does not start.
  rmSync(join(folder, 'lib'));
  const { status, stderr } = precompile(folder);
  t.equal(status, 0);
  t.match(stderr, /cannot start: [\s\S]*is not compiled in advance: it did not start/);
  t.equal(cacheUsed(folder), true);
});

t.test('a build without the program is a failure', async (t) => {
  const folder = builtCopy(t);
  rmSync(join(folder, BUNDLE));
  const { status, stderr } = precompile(folder);
  t.not(status, 0);
  t.match(stderr, /expected the program in/);
  t.notOk(existsSync(join(folder, `${BUNDLE}.cache`)));
});
