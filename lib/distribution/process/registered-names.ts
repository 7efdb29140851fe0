import { ProcessError } from '../errors.ts';
import type { Pid } from '../terms/pid.ts';

/** Names of local processes. A process has at most one, as in Erlang. */
export class RegisteredNames {
  readonly #pids = new Map<string, Pid>();
  readonly #names = new Map<string, string>();

  /** @throws {ProcessError} `name_taken`, `already_registered`, or `bad_name` for `undefined` */
  register(name: string, pid: Pid): void {
    if (name === 'undefined') {
      throw new ProcessError('bad_name', 'expected a name other than the atom undefined');
    }
    const owner = this.#pids.get(name);
    if (owner !== undefined) {
      throw new ProcessError('name_taken', `expected ${name} to be free, it is held by ${owner}`);
    }
    const other = this.#names.get(pid.key);
    if (other !== undefined) {
      throw new ProcessError('already_registered', `${pid} is already registered as ${other}`);
    }
    this.#pids.set(name, pid);
    this.#names.set(pid.key, name);
  }

  /** @returns whether the name was taken */
  unregister(name: string): boolean {
    const pid = this.#pids.get(name);
    if (pid === undefined) return false;
    this.#pids.delete(name);
    this.#names.delete(pid.key);
    return true;
  }

  whereis(name: string): Pid | undefined {
    return this.#pids.get(name);
  }

  nameOf(pid: Pid): string | undefined {
    return this.#names.get(pid.key);
  }

  /** The process has ended. */
  release(pid: Pid): void {
    const name = this.#names.get(pid.key);
    if (name !== undefined) this.unregister(name);
  }

  list(): string[] {
    return [...this.#pids.keys()];
  }
}
