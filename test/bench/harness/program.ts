/** HTTP servers as processes of their own: the built program, and scripts that stand beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { until } from '../../support/peers.ts';
import { type Part, pinned } from './cpus.ts';

export interface ProgramOptions {
  readonly part: Part;
  /** a JavaScript file */
  readonly script: string;
  readonly nodeArgs?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** where it listens once it is ready */
  readonly tcpPort: number;
  /** a file that takes its standard output */
  readonly logFile?: string;
  /** the answer by which it is known to be ready; default 200 */
  readonly path?: string;
}

export class Program {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  static async start(options: ProgramOptions): Promise<Program> {
    const { part, script, nodeArgs = [], env, tcpPort, logFile, path = '/' } = options;
    const [program, args] = pinned(part, process.execPath, [...nodeArgs, script]);
    const output = logFile === undefined ? 'ignore' : openSync(logFile, 'a');
    const child = spawn(program, args, {
      stdio: ['ignore', output, 'inherit'],
      env: { ...process.env, ...env },
    });
    if (output !== 'ignore') closeSync(output);
    const url = `http://127.0.0.1:${tcpPort}`;
    await until(
      () =>
        child.exitCode !== null ||
        fetch(url + path).then(
          ({ ok }) => ok,
          () => false,
        ),
      { what: `${script} answering at ${url}`, timeoutMs: 30_000 },
    );
    if (child.exitCode !== null) throw new Error(`${script} ended: exit code ${child.exitCode}`);
    return new Program(url, child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    this.#child.kill('SIGTERM');
    await exited;
    clearTimeout(timer);
  }
}
