/** Runs the built program as processes of their own, as a user does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from './peers.ts';

/** `dist/lib/main.js`; `npm test` builds it first. */
export const PROGRAM = fileURLToPath(new URL('../../dist/lib/main.js', import.meta.url));

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** the Node.js binary; default the one that runs the tests */
  readonly node?: string;
  /** the command that runs it, such as `['ip', 'netns', 'exec', 'host1']`; default none */
  readonly runner?: readonly string[];
  /** milliseconds until it must be up; default 20,000 */
  readonly startTimeoutMs?: number;
}

export interface Program {
  readonly child: ChildProcess;
  /** where it serves HTTP */
  readonly url: string;
  /** everything it has logged so far */
  readonly log: () => string;
  /** settles with the exit code, or the signal that ended it */
  readonly exited: Promise<number | NodeJS.Signals | null>;
  /** ends it with a signal and waits for that */
  kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Starts one node with HTTP on any free port, and waits until it is up. */
export async function startProgram(options: ProgramOptions = {}): Promise<Program> {
  const node = options.node ?? process.execPath;
  const [command, ...args] = [...(options.runner ?? []), node, PROGRAM, ...(options.args ?? [])];
  const child = spawn(command ?? node, args, {
    // Nothing of the developer's own settings may leak into a test.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', ...options.env },
    // The channel tells a program that is asked to (STOP_WITH_PARENT) of the end of the test.
    stdio: ['ignore', 'pipe', 'pipe', ...(options.env?.STOP_WITH_PARENT ? ['ipc' as const] : [])],
  });
  let log = '';
  const collect = (chunk: Buffer): void => {
    log += chunk.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  let ended = false;
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = true;
      resolve(code ?? signal);
    });
  });
  const url = (): string | undefined => /"url":"([^"]+)"/.exec(log)?.[1];
  try {
    await until(() => ended || url() !== undefined, {
      timeoutMs: options.startTimeoutMs ?? 20_000,
      what: () => `a start of the program, which logged:\n${log}`,
    });
    if (ended) throw new Error(`the program ended at its start:\n${log}`);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    child,
    url: url() ?? '',
    log: () => log,
    exited,
    kill: (signal) => {
      child.kill(signal);
      return exited;
    },
  };
}
