/**
 * Starting this process anew with other flags of V8: some, such as the limit of the heap, count only from the
 * very beginning.
 *
 * Where Node.js can replace a process by another program (22.15 and newer), it keeps its id, its standard
 * streams and whoever waits for it. An older one starts a child, hands signals on to it and ends as it does,
 * at the price of some memory for waiting.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** What is to be started. */
export interface RestartOptions {
  /** flags of V8 or Node.js that come before those of now */
  readonly flags: readonly string[];
  /** the file that runs */
  readonly script: string;
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** how to replace this process, `null` where that is not possible; default Node's own way */
  readonly execve?: Execve | null;
}

/** Replaces the process; what it is given is complete. */
export type Execve = (
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
) => void;

/** The signals that ask a program to end, which a child is told of. */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/**
 * Starts it. Does not return where the process is replaced.
 *
 * @returns the exit code of the child; the signal that ended it ends this process too
 */
export function restart(options: RestartOptions): Promise<number> {
  const { flags, script, argv, execArgv, env, execve = nodesExecve() } = options;
  const args = [...flags, ...execArgv, script, ...argv];
  if (execve === null) return runChild(args, env);
  execve(process.execPath, [process.execPath, ...args], definedOnly(env));
  throw new Error('expected the process to be replaced, but it goes on');
}

/** Typed here, since the oldest release that we support does not know it. */
function nodesExecve(): Execve | null {
  const { execve } = process as { readonly execve?: Execve };
  return execve === undefined ? null : execve.bind(process);
}

async function runChild(args: readonly string[], env: RestartOptions['env']): Promise<number> {
  // The channel's end tells the child that we are gone, however that came.
  const child = spawn(process.execPath, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...env, STOP_WITH_PARENT: 'true' },
  });
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, passOn);
  try {
    const { code, signal } = await ended(child);
    if (code !== null) return code;
    for (const each of SIGNALS) process.off(each, passOn);
    process.kill(process.pid, signal ?? 'SIGKILL');
    return 1;
  } finally {
    for (const signal of SIGNALS) process.off(signal, passOn);
  }
}

function ended(
  child: ChildProcess,
): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function definedOnly(env: RestartOptions['env']): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) defined[name] = value;
  return defined;
}
