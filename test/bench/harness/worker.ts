/** The measured processes, as seen by the one that measures: each gets commands over its IPC channel. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Part, pinned } from './cpus.ts';

/** Where `tsc` puts the compiled workers: built code is measured, as it runs in production. */
export const BUILT = fileURLToPath(new URL('../dist/test/bench/', import.meta.url));

export interface WorkerOptions {
  readonly part: Part;
  /** for `node` itself */
  readonly nodeArgs?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Worker {
  readonly #child: ChildProcess;
  readonly #script: string;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  private constructor(script: string, child: ChildProcess) {
    this.#script = script;
    this.#child = child;
    child.on('message', (message) => this.#onMessage(message as Answer));
    child.once('exit', (code, signal) => {
      const error = new Error(`${script} ended: ${signal ?? `exit code ${code}`}`);
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
    });
  }

  /** @param script below `test/bench/`, without its ending, such as `workers/calls` */
  static async start(script: string, options: WorkerOptions): Promise<Worker> {
    const { part, nodeArgs = [], args = [], env = {} } = options;
    const file = `${BUILT}${script}.js`;
    const [program, all] = pinned(part, process.execPath, [...nodeArgs, file, ...args]);
    const child = spawn(program, all, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production', ...env },
    });
    const worker = new Worker(script, child);
    await worker.ask('ready');
    return worker;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends a command and waits for what it gives. */
  ask<T = unknown>(command: string, argument: unknown = null): Promise<T> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: (result) => resolve(result as T), reject });
      this.#child.send({ id, command, argument });
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    this.#child.disconnect();
    await exited;
    clearTimeout(timer);
  }

  #onMessage({ id, result, error }: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new Error(`${this.#script}: ${error}`));
  }
}
