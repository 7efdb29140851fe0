/** The measured processes, as seen by the one that measures: each gets commands over its IPC channel. */
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import type { Part } from './cpus.ts';

/** Where `tsc` puts the compiled workers: built code is measured, as it runs in production. */
export const BUILT = fileURLToPath(new URL('../dist/test/bench/', import.meta.url));

export interface WorkerOptions {
  readonly part: Part;
  readonly args?: readonly string[];
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
  readonly #child: Child;
  readonly #script: string;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  private constructor(script: string, child: Child) {
    this.#script = script;
    this.#child = child;
    child.process.on('message', (message) => this.#onMessage(message as Answer));
  }

  /** @param script below `test/bench/`, without its ending, such as `workers/calls` */
  static async start(script: string, options: WorkerOptions): Promise<Worker> {
    const { part, args = [] } = options;
    const file = `${BUILT}${script}.js`;
    const child = new Child(script, part, process.execPath, [file, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    const worker = new Worker(script, child);
    await worker.ask('ready');
    return worker;
  }

  /** Sends a command and waits for what it gives. */
  ask<T = unknown>(command: string, argument: unknown = null): Promise<T> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: (result) => resolve(result as T), reject });
      this.#child.process.send({ id, command, argument }, (error) => {
        // What has ended says so by itself, see Child.
        if (error) reject(new Error(`${this.#script} takes no commands`, { cause: error }));
      });
    });
  }

  stop(): Promise<void> {
    return this.#child.stop(() => this.#child.process.disconnect());
  }

  #onMessage({ id, result, error }: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new Error(`${this.#script}: ${error}`));
  }
}
