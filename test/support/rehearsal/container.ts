/**
 * One instance of the application: a process on a host of its own, which the platform starts, gates, restarts and stops.
 *
 * ```
 *            post_start ended with 0            SIGTERM
 *  starting ────────────────────────▶ ready ──────────────▶ stopping ──▶ stopped
 *      ▲                                │ crash()
 *      └────────────────────────────────┘ at once
 * ```
 *
 * The host has its own network, mounts and name. `/run` holds what the platform puts there, and the application's
 * folder is as it was built: both are read-only. Commands run in a shell, and the signal goes to that: a start command
 * that is to hear of it takes the shell's place with `exec`. Only a crash that the rehearsal itself brings about leads to a
 * restart; any other end is a fault, and stays one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nowMs } from '../faults/history.ts';
import { type Host, processesOn } from '../faults/hosts.ts';
import { openFront } from './front.ts';
import { NAME_HOST } from './host-name.ts';
import { InstanceLog } from './instance-log.ts';
import { INSTANCE_PORT, type Variables } from './platform-environment.ts';

export interface ContainerOptions {
  /** its host name */
  readonly name: string;
  readonly host: Host;
  /** the application, built */
  readonly folder: string;
  /** what becomes its `/run`; made here */
  readonly runFolder: string;
  readonly runConfig: string;
  readonly variables: Variables;
  readonly commands: { readonly start: string; readonly postStart: string };
  /** it is ready for requests, again after a crash */
  readonly onReady: (container: Container) => void;
  /** its process has ended without being asked to */
  readonly onDown: (container: Container) => void;
  readonly onLine: (container: Container, line: string) => void;
}

/** How an instance ended after SIGTERM. */
export interface Stopped {
  readonly name: string;
  readonly exit: number | NodeJS.Signals | null;
  readonly durationMs: number;
}

/** The platform's patience with a process that was sent SIGTERM. */
export const STOP_TIMEOUT_MS = 15_000;
/** Our patience with `post_start`; that of the platform is not documented. */
const POST_START_TIMEOUT_MS = 60_000;

const ENTER = `
set -eu
${NAME_HOST}
mount --bind "$2" /run
mount -o remount,bind,ro /run
mount --bind "$3" "$3"
mount -o remount,bind,ro "$3"
cd "$3"
exec sh -c "$4"`;

type State = 'starting' | 'ready' | 'crashing' | 'stopping' | 'stopped' | 'failed';

export class Container {
  readonly log = new InstanceLog();
  /** the most memory that its processes had, in megabytes, by what was seen so far */
  peakMemoryMb = 0;
  readonly #options: ContainerOptions;
  #state: State = 'starting';
  #process: ChildProcess | undefined;
  #closeFront: () => void = () => {};

  constructor(options: ContainerOptions) {
    this.#options = options;
    mkdirSync(options.runFolder, { recursive: true });
    writeFileSync(join(options.runFolder, 'config.json'), options.runConfig);
  }

  get name(): string {
    return this.#options.name;
  }

  get address(): string {
    return this.#options.host.address;
  }

  get runFolder(): string {
    return this.#options.runFolder;
  }

  /** The application itself, past all proxies. */
  get url(): string {
    return `http://${this.address}:${INSTANCE_PORT}`;
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Whether it ended without being asked to, once it was ready. */
  get hasFailed(): boolean {
    return this.#state === 'failed';
  }

  /**
   * Starts it, and waits until it is ready.
   *
   * @throws {Error} if it ends before, or `post_start` fails; why, its log tells
   */
  async start(): Promise<void> {
    const { host } = this.#options;
    this.#closeFront = await openFront(host.namespace, {
      host: this.address,
      port: INSTANCE_PORT,
    });
    await this.#launch();
  }

  /**
   * SIGKILL to all that runs there, and the restart that follows it.
   *
   * @param moment resolves when it is to happen, which it then does at once
   * @returns when it is ready again
   */
  async crash(moment: () => Promise<void>): Promise<void> {
    const pids = processesOn(this.#options.host.namespace);
    await moment();
    this.#state = 'crashing';
    const closed = once(this.#running, 'close');
    killAll(pids);
    await closed;
    this.#state = 'starting';
    await this.#launch();
  }

  /** SIGTERM, and SIGKILL when it takes too long. */
  async stop(): Promise<Stopped> {
    this.measure();
    this.#state = 'stopping';
    const child = this.#running;
    const fromMs = nowMs();
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    const timer = setTimeout(
      () => killAll(processesOn(this.#options.host.namespace)),
      STOP_TIMEOUT_MS,
    );
    const [code, signal] = (await closed) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    this.#state = 'stopped';
    this.#closeFront();
    return { name: this.name, exit: code ?? signal, durationMs: nowMs() - fromMs };
  }

  /** Looks at the memory of its processes. What they share counts for each, so it is at most that much. */
  measure(): void {
    const now = processesOn(this.#options.host.namespace).reduce(
      (sum, pid) => sum + peakOf(pid),
      0,
    );
    this.peakMemoryMb = Math.max(this.peakMemoryMb, now);
  }

  get #running(): ChildProcess {
    if (this.#process === undefined) throw new Error(`${this.name} is not running`);
    return this.#process;
  }

  async #launch(): Promise<void> {
    const { start, postStart } = this.#options.commands;
    const child = this.#enter(start);
    this.#process = child;
    const ended = new Promise<string>((resolve) => {
      child.once('close', (code, signal) => resolve(String(code ?? signal)));
    });
    child.once('close', () => this.#onClose());
    const gate = this.#enter(postStart);
    const timer = setTimeout(() => gate.kill('SIGKILL'), POST_START_TIMEOUT_MS);
    try {
      const passed = once(gate, 'close').then(([code, signal]) =>
        code === 0 ? undefined : `its post_start ended with ${code ?? signal}`,
      );
      const died = ended.then((how) => `it ended with ${how} while it started`);
      const problem = await Promise.race([passed, died]);
      if (problem !== undefined) {
        throw new Error(`${this.name} is not ready: ${problem}`);
      }
    } finally {
      clearTimeout(timer);
      gate.kill('SIGKILL');
    }
    this.#state = 'ready';
    this.#options.onReady(this);
  }

  #onClose(): void {
    this.log.end();
    this.log.ownerEvent = undefined;
    if (this.#state === 'ready') this.#state = 'failed';
    if (this.#state !== 'stopping') this.#options.onDown(this);
  }

  /** Runs a command on the host, in the application's folder. */
  #enter(command: string): ChildProcess {
    const { host, name, runFolder, folder, variables } = this.#options;
    const args = [
      ...['netns', 'exec', host.namespace, 'unshare', '--mount', '--uts'],
      ...['sh', '-c', ENTER, 'sh', name, runFolder, folder, command],
    ];
    const child = spawn('ip', args, { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        for (const line of this.log.add(text)) this.#options.onLine(this, line);
      });
    }
    return child;
  }
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

/** The most resident memory that a process has had, in megabytes; 0 if it has ended. */
function peakOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}
