/** Processes of a measurement: none outlives the one that measures, and none ends unnoticed. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Part, pinned } from './cpus.ts';

/** Starts a process on the processor of its part, which is killed when this one ends, by whatever way. */
export function spawnTied(
  part: Part,
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const child = spawn(...pinned(part, program, args), options);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.removeListener('exit', kill));
  return child;
}

/** A process that is there until it is stopped. */
export class Child {
  readonly process: ChildProcess;
  #isWanted = true;

  /** @param what names it in errors */
  constructor(
    what: string,
    part: Part,
    program: string,
    args: readonly string[],
    options: SpawnOptions,
  ) {
    const child = spawnTied(part, program, args, options);
    child.once('exit', (code, signal) => {
      // Whoever waits for it, or for another one that does, would wait for good: the run ends here.
      if (this.#isWanted) throw new Error(`${what} ended early: ${signal ?? `exit code ${code}`}`);
    });
    this.process = child;
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Asks it to end by `ask`, which is SIGTERM unless given; SIGKILL after five seconds. Idempotent. */
  async stop(ask: () => void = () => this.process.kill('SIGTERM')): Promise<void> {
    this.#isWanted = false;
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 5_000);
    ask();
    await exited;
    clearTimeout(timer);
  }
}
