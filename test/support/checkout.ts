/** Runs the documented commands as a user runs them: with npm, in a checkout of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** all of its standard input; without, it stays open for {@link Command.write} */
  readonly input?: string;
}

/** A copy of the sources, since every command builds first and other tests use what is built. */
export class Checkout {
  readonly folder = mkdtempSync(join(tmpdir(), 'hello-distributed-'));
  readonly #commands: Command[] = [];

  constructor() {
    for (const name of [
      'lib',
      'handlers',
      'package.json',
      'tsconfig.json',
      'tsconfig.build.json',
    ]) {
      cpSync(join(ROOT, name), join(this.folder, name), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(this.folder, 'node_modules'));
  }

  /** Starts a command, such as `npm start -- --port 0`. */
  start(line: string, { env = {}, input }: CommandOptions = {}): Command {
    const [program = '', ...args] = line.split(' ');
    const settings = {
      PATH: process.env.PATH,
      HOME: this.folder,
      npm_config_update_notifier: 'false',
      PORT: '0',
      ...env,
    };
    // Nothing of the developer's own settings may leak in, nor what the test runner adds to every
    // process that is started from here: `env -i` replaces itself by the program.
    const assignments = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    const binary = program === 'node' ? process.execPath : program;
    const child = spawn('env', ['-i', ...assignments, binary, ...args], {
      cwd: this.folder,
      stdio: ['pipe', 'pipe', 'pipe'],
      // The leader of a process group, as in a shell: a Ctrl-C reaches all of it.
      detached: true,
    });
    const command = new Command(line, child);
    this.#commands.push(command);
    if (input !== undefined) child.stdin.end(input);
    return command;
  }

  /** Runs a command to its end. */
  async run(line: string, options: CommandOptions = {}): Promise<Command> {
    const command = this.start(line, { input: '', ...options });
    await command.exited;
    return command;
  }

  /** Ends what still runs, and removes the folder. */
  async remove(): Promise<void> {
    for (const command of this.#commands) command.signalGroup('SIGKILL');
    await Promise.all(this.#commands.map(({ exited }) => exited));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A running command, with all that it has written. */
export class Command {
  readonly line: string;
  readonly pid: number;
  /** the exit code, or the signal that ended it */
  readonly exited: Promise<number | NodeJS.Signals | null>;
  stdout = '';
  stderr = '';
  code: number | NodeJS.Signals | null | undefined;
  readonly #child: ChildProcess;

  constructor(line: string, child: ChildProcess) {
    this.line = line;
    this.pid = child.pid ?? 0;
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // Writing to a command that has just ended is no concern of its test.
    child.stdin?.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.code = code ?? signal;
        resolve(this.code);
      });
    });
  }

  /** Writes to its standard input, and waits for what that brings about on its standard output. */
  async answer(text: string, pattern: RegExp): Promise<void> {
    const from = this.stdout.length;
    this.#child.stdin?.write(`${text}\n`);
    await this.#wait(() => pattern.test(this.stdout.slice(from)), `${pattern} after ${text}`);
  }

  /** Ends its standard input, as Ctrl-D does. */
  endInput(): void {
    this.#child.stdin?.end();
  }

  /** Waits until its standard output contains something. */
  async expect(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    await this.#wait(() => {
      found = pattern.exec(this[stream]);
      return found !== null;
    }, `${pattern}`);
    return found!;
  }

  /** Sends a signal to it and all that it has started, as the terminal does. */
  signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }

  async #wait(check: () => boolean, what: string): Promise<void> {
    const state = (): string => `${what} of ${this.line}\n${this.stdout}\n${this.stderr}`;
    await until(() => check() || this.code !== undefined, { timeoutMs: 30_000, what: state });
    if (!check()) throw new Error(`it has ended (${this.code}) without ${state()}`);
  }
}

/** Whether a process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
