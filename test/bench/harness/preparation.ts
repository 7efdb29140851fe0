/** What has to be there before anything is measured: the competitors' packages, and built code. */
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const ROOT = join(HERE, '../..');

/** Installs the packages of `test/bench/package.json` unless they are there, and compiles the workers. */
export function prepare(log: (line: string) => void): void {
  if (!isInstalledAsLocked()) {
    log('installing the competitors (test/bench/package-lock.json)');
    run('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund'], HERE);
  }
  log('compiling');
  // Over what is there, which another run may be using.
  run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', join(HERE, 'tsconfig.json')], ROOT);
}

/** npm writes a lock of what it has installed; one that is older than ours is out of date. */
function isInstalledAsLocked(): boolean {
  const installed = join(HERE, 'node_modules/.package-lock.json');
  const locked = join(HERE, 'package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(locked).mtimeMs;
}

function run(program: string, args: readonly string[], cwd: string): void {
  execFileSync(program, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
}

/** The compiled program, as `npm run build` makes it. */
export const PROGRAM = join(ROOT, 'dist/lib/main.js');
