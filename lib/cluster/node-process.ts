import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Clock, systemClock } from '../clock.ts';
import { STARTED } from '../start-notice.ts';
import type { PlannedNode } from './plan.ts';

/** How a process ended. */
export type Exit =
  | { readonly type: 'code'; readonly code: number }
  | { readonly type: 'signal'; readonly signal: NodeJS.Signals }
  /** there was no process */
  | { readonly type: 'not_started'; readonly error: Error };

export interface NodeProcessOptions {
  readonly node: PlannedNode;
  /** the built program */
  readonly program: string;
  /** each line that the process writes */
  readonly onLine: (line: string) => void;
  readonly clock?: Clock;
}

/** As long as the program gives itself, and a little more. */
const STOP_TIMEOUT_MS = 10_000;
/** Of what it last wrote on standard error, for the reason of a failed start. */
const MAX_LAST_WORDS = 20;

/**
 * One node as a process of its own.
 *
 * It is the leader of its own process group, so that the Ctrl-C of a terminal reaches this process
 * alone, which then ends the nodes in order. Over its IPC channel it says {@link STARTED}, and nothing
 * else; the channel closes when this process ends in whatever way, SIGKILL included, and then the
 * node stops by itself (`STOP_WITH_PARENT`).
 */
export class NodeProcess {
  readonly node: PlannedNode;
  /** settles when the process has ended and all it wrote has been read */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #lastWords: string[] = [];
  #hasStarted = false;
  #isStopping = false;
  #exit: Exit | undefined;

  constructor({ node, program, onLine, clock = systemClock }: NodeProcessOptions) {
    this.node = node;
    this.#clock = clock;
    const child = spawn(process.execPath, [program], {
      env: { ...node.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        if (stream === child.stderr) this.#remember(line);
        onLine(line);
      });
    }
    child.on('message', (message) => {
      if (message === STARTED) this.#hasStarted = true;
    });
    this.exited = new Promise((resolve) => {
      const settle = (exit: Exit): void => {
        this.#exit ??= exit;
        resolve(exit);
      };
      child.once('error', (error) => {
        // Also for a signal or a message that could not be sent, which is no end.
        if (child.pid === undefined) settle({ type: 'not_started', error });
      });
      child.once('close', (code, signal) => {
        settle(signal === null ? { type: 'code', code: code ?? 0 } : { type: 'signal', signal });
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether it has said so itself: nobody else can say it in its place. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Whether it has ended. */
  get hasExited(): boolean {
    return this.#exit !== undefined;
  }

  /** Whether its end was asked for. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** What it wrote last on standard error, where it says why it cannot start. */
  get lastWords(): string {
    return this.#lastWords.join('\n');
  }

  /** Asks it to end in order, and ends it by force if it does not. Resolves when it has ended. */
  async stop(timeoutMs: number = STOP_TIMEOUT_MS): Promise<void> {
    this.#isStopping = true;
    if (!this.hasExited) this.#child.kill('SIGTERM');
    const cancel = this.#clock.setTimer(timeoutMs, () => this.kill());
    await this.exited;
    cancel();
  }

  /** Ends it at once. */
  kill(): void {
    this.#isStopping = true;
    if (!this.hasExited) this.#child.kill('SIGKILL');
  }

  #remember(line: string): void {
    this.#lastWords.push(line);
    if (this.#lastWords.length > MAX_LAST_WORDS) this.#lastWords.shift();
  }
}

/** How it ended, in words that fit after `has ended`. */
export function describeExit(exit: Exit): string {
  if (exit.type === 'code') return `with exit code ${exit.code}`;
  if (exit.type === 'signal') return `by ${exit.signal}`;
  return `before it began: ${exit.error.message}`;
}
