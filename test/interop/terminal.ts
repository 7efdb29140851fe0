/** A terminal that is closed: a real one, made by `script` of util-linux. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePort } from '../support/free-ports.ts';
import { until } from '../support/until.ts';

const { stdout: version } = spawnSync('script', ['--version'], { encoding: 'utf8' });
const skip = /util-linux/.test(version ?? '') ? false : 'script of util-linux is not installed';

interface InTerminal {
  readonly terminal: ChildProcess;
  /** everything that the terminal shows */
  readonly shown: () => string;
  /** how the shell has seen the program end, 128 and the number of the signal; empty before */
  readonly status: () => string;
}

/**
 * The shell is told of the terminal's end, passes it on, and lives to see how the program ends. What tap loads
 * into every process that a test starts listens for signals, too.
 */
const SHELL = `unset NODE_OPTIONS; exec 3<&0; "$NODE" "$MAIN" <&3 &
echo $! > pid; trap 'kill -HUP $(cat pid)' HUP
wait $(cat pid); wait $(cat pid); echo $? > status`;

/** Runs a built program on a terminal of its own. */
function runInTerminal(t: Test, program: string, port: number): InTerminal {
  const folder = mkdtempSync(join(tmpdir(), 'terminal-'));
  const contentOf = (name: string): string => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  };
  const terminal = spawn('script', ['-qfec', SHELL, '/dev/null'], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      NODE: process.execPath,
      MAIN: fileURLToPath(new URL(`../../dist/lib/${program}`, import.meta.url)),
      SHELL: '/bin/sh',
      TERM: 'dumb',
      PORT: String(port),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  terminal.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const status = () => contentOf('status');
  t.teardown(() => {
    terminal.kill('SIGKILL');
    if (status() === '' && contentOf('pid') !== '')
      process.kill(Number(contentOf('pid')), 'SIGKILL');
    rmSync(folder, { recursive: true });
  });
  return { terminal, shown: () => text, status };
}

for (const [program, ready] of [
  ['main.js', /started url=/],
  ['console/main.js', /hello\(nonode@nohost\)1> /],
] as const) {
  t.test(`${program} stops in order when its terminal is closed`, { skip }, async (t) => {
    const port = await freePort();
    const { terminal, shown, status } = runInTerminal(t, program, port);
    await until(() => ready.test(shown()), {
      timeoutMs: 20_000,
      what: () => `a start: ${shown()}`,
    });
    const events = await fetch(`http://127.0.0.1:${port}/events`);
    terminal.kill('SIGKILL');
    await once(terminal, 'exit');
    t.match(await events.text(), /event: snapshot/, 'the stream is ended, not cut');
    await until(() => status() !== '', { what: 'the end of the program' });
    t.equal(status(), '129', 'ends by SIGHUP, since there is nothing left to restore');
  });
}
