/**
 * The registrar changes names, one change at a time: it takes the lock `global` on every known node,
 * the boss first, and only then lets the change go ahead. As long as somebody else holds the lock it
 * tries again after a random pause that grows. With no known node all of this is local and quick.
 *
 * @see OTP `global`, trans_all_known/1, set_lock_known/2; reference 7.10
 */
import { ConnectionError } from '../../errors.ts';
import type { Process } from '../../process/process.ts';
import { atom } from '../../terms/atom.ts';
import { backOffMs } from './back-off.ts';
import { boss } from './boss.ts';
import type { LockCalls } from './lock-calls.ts';
import type { LockId } from './messages/protocol.ts';

export interface RegistrarOptions {
  /** our node name */
  readonly node: string;
  /** the process in whose name the lock is held: the `From` of the changes */
  readonly process: Process;
  readonly locks: Pick<LockCalls, 'set' | 'delete'>;
  readonly known: () => readonly string[];
  readonly setTimer: (delayMs: number, callback: () => void) => () => void;
  readonly random: () => number;
}

export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #lock: LockId;
  #last: Promise<unknown> = Promise.resolve();
  #waiting:
    | { readonly cancelTimer: () => void; readonly reject: (error: Error) => void }
    | undefined;
  #stopped = false;

  constructor(options: RegistrarOptions) {
    this.#options = options;
    this.#lock = { resource: atom('global'), requester: options.process.pid };
  }

  /**
   * Runs `change` while the lock is held on all known nodes, after all earlier changes.
   *
   * @param change gets the locked nodes, this one among them
   * @throws {ConnectionError} `distribution_off` when the registrar is stopped meanwhile
   */
  run<T>(change: (nodes: readonly string[]) => Promise<T> | T): Promise<T> {
    const result = this.#last.then(() => this.#transaction(change));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Rejects what waits. The locks go with the process. */
  stop(): void {
    this.#stopped = true;
    this.#waiting?.cancelTimer();
    this.#waiting?.reject(stoppedError());
    this.#waiting = undefined;
  }

  async #transaction<T>(change: (nodes: readonly string[]) => Promise<T> | T): Promise<T> {
    const nodes = await this.#lockAll();
    try {
      return await change(nodes);
    } finally {
      if (!this.#stopped) await this.#unlock(nodes);
    }
  }

  async #lockAll(): Promise<readonly string[]> {
    for (let failures = 0; ; failures += 1) {
      if (this.#stopped) throw stoppedError();
      const nodes = await this.#tryLockAll();
      if (nodes !== undefined) return nodes;
      await this.#sleep(backOffMs(failures, this.#options.random));
    }
  }

  /** @returns the locked nodes, `undefined` if one refused or more nodes have become known */
  async #tryLockAll(): Promise<readonly string[] | undefined> {
    const { node, process, locks, known } = this.#options;
    const first = boss([node, ...known()]);
    if (!(await locks.set(process, this.#lock, [first]))) return undefined;
    // Looked up again: one that was lost meanwhile, the boss itself perhaps, must not be dialled.
    const nodes = [node, ...known()];
    if (nodes.length > 1 && !(await locks.set(process, this.#lock, nodes))) {
      await locks.delete(process, this.#lock, [first]);
      return undefined;
    }
    const locked = new Set(nodes);
    if (known().every((name) => locked.has(name))) return nodes;
    await this.#unlock(nodes);
    return undefined;
  }

  async #unlock(nodes: readonly string[]): Promise<void> {
    const { process, locks } = this.#options;
    const last = boss(nodes);
    const others = nodes.filter((name) => name !== last);
    if (others.length > 0) await locks.delete(process, this.#lock, others);
    await locks.delete(process, this.#lock, [last]);
  }

  #sleep(delayMs: number): Promise<void> {
    if (this.#stopped) return Promise.reject(stoppedError());
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#options.setTimer(delayMs, () => {
        this.#waiting = undefined;
        resolve();
      });
      this.#waiting = { cancelTimer, reject };
    });
  }
}

/** What waits for `global` is rejected with this when `global` stops. */
export function stoppedError(): ConnectionError {
  return new ConnectionError('distribution_off', 'expected global to be running, it was stopped');
}
