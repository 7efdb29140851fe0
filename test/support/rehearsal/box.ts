/**
 * Runs a program in a box: with mounts, processes and a network of its own, all of which the kernel removes when the
 * program ends, or this process does, in whatever way. So there is nothing to clean up after a crash, and two boxes
 * at once do not know of each other.
 *
 * ```
 * this process
 *   └ unshare          dies with this process (setpriv --pdeathsig)
 *       └ first stage  process 1 of its pid namespace, which dies with `unshare`, and everything in it
 *           └ second stage, in its place: in a network namespace too
 * ```
 *
 * The first stage still has the network of the machine, since a build needs the internet. Without root, a user
 * namespace makes this user the root of the box.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NAME_HOST } from './host-name.ts';

const run = promisify(execFile);

/** The box cannot be made here. `message` says what it needs, and what came of each attempt. */
export class BoxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BoxError';
  }
}

const NAMESPACES = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const AS_USER = ['--user', '--map-root-user'];

/** What a rehearsal does in there, in small. */
const PROBE_HOST = `
set -eu
${NAME_HOST}
mount --bind /run /run`;
const PROBE = `
set -eu
mount -t tmpfs tmpfs /run
exec unshare --net sh -euc '
  ip netns add probe
  ip -n probe link add bridge0 type bridge
  exec ip netns exec probe unshare --mount --uts sh -c "$1" sh probe_host.0
' sh "$1"`;

const STAGES = `
set -eu
folder=$1
shift
mount -t tmpfs -o mode=0755 tmpfs "$folder"
"$@" build "$folder"
# Where ip keeps its namespaces. Not before, because the machine's resolver may have its settings there.
mount -t tmpfs tmpfs /run
exec unshare --net "$@" play "$folder"`;

/**
 * How `unshare` makes a box here.
 *
 * @throws {BoxError} if it cannot
 */
export async function findWay(
  ways: readonly (readonly string[])[] = [NAMESPACES, [...AS_USER, ...NAMESPACES]],
): Promise<readonly string[]> {
  const reasons: string[] = [];
  for (const way of ways) {
    try {
      await run('setpriv', [
        '--pdeathsig',
        'KILL',
        'unshare',
        ...way,
        'sh',
        '-c',
        PROBE,
        'sh',
        PROBE_HOST,
      ]);
      return way;
    } catch (error) {
      const { stderr = '', message } = error as Error & { readonly stderr?: string };
      reasons.push(`  unshare ${way.join(' ')}: ${stderr.trim() || message}`);
    }
  }
  throw new BoxError(
    'the rehearsal needs Linux with the commands ip (iproute2), unshare, setpriv and mount (util-linux), ' +
      `and root or the permission to make user namespaces and Perl; here:\n${reasons.join('\n')}`,
  );
}

/** A program that runs in a box. */
export interface Box {
  /** settles with its exit code; a signal counts as 1 */
  readonly exited: Promise<number>;
  /** ends everything in it at once */
  kill(): void;
}

/**
 * Starts the two stages of a program: called with `build FOLDER`, and when that ends with 0, called with
 * `play FOLDER`. The folder is in memory, and both stages see it.
 */
export function startBox(way: readonly string[], program: readonly string[]): Box {
  sweep();
  const folder = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const stages = ['sh', '-c', STAGES, 'sh', folder, ...program];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...way, ...stages], {
    // The fourth is held by all that runs in the box, and closes with the last of it.
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const over = async (): Promise<number> => {
    const [code] = (await once(child, 'close')) as [number | null];
    rmdirSync(folder);
    return code ?? 1;
  };
  return { exited: over(), kill: () => void child.kill('SIGKILL') };
}

const PREFIX = 'hello-distributed-rehearsal-';

/**
 * The empty folders of boxes whose process was killed, of this user. One in use must stay: it carries the mount.
 */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : 0;
    if (!(pid > 0) || isAlive(pid)) continue;
    const folder = join(tmpdir(), name);
    // Another sweep may be faster.
    if (statSync(folder, { throwIfNoEntry: false })?.uid !== process.getuid?.()) continue;
    rmSync(folder, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
