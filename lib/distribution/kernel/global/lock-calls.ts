/**
 * Locks on several nodes at once. On this node the table is asked directly; on others the server is
 * called. A node that is down counts as absent, a server that stays silent as one that refuses.
 */

import type { Process } from '../../process/process.ts';
import { isAtom } from '../../terms/atom.ts';
import type { LockTable } from './lock-table.ts';
import { encodeDelLock, encodeSetLock } from './messages/calls.ts';
import type { LockId } from './messages/protocol.ts';
import { type CallServers, RELEASE_ANSWER_LIMIT_MS } from './server-calls.ts';

export interface LockCallsOptions {
  /** our node name */
  readonly node: string;
  readonly locks: LockTable;
  readonly isConnected: (node: string) => boolean;
  readonly callServers: CallServers;
  /** the local table has changed */
  readonly changed: () => void;
}

export class LockCalls {
  readonly #options: LockCallsOptions;

  constructor(options: LockCallsOptions) {
    this.#options = options;
  }

  /**
   * Takes the lock on all `nodes` in the name of `holder`, or on none of them. One attempt.
   *
   * @returns whether no node refused
   */
  async set(holder: Process, lock: LockId, nodes: readonly string[]): Promise<boolean> {
    const { node, locks } = this.#options;
    const remote = nodes.filter((name) => name !== node);
    const local = remote.length < nodes.length;
    // Refused at home, nobody else need be bothered.
    if (local && !locks.set(lock, holder.pid)) return false;
    if (remote.length === 0) return true;
    const request = encodeSetLock(lock);
    const { replies, silent } = await this.#options.callServers(holder, remote, request);
    const granted = [...replies].filter(([, reply]) => isAtom(reply, 'true'));
    if (granted.length === replies.size && silent.length === 0) return true;
    // Who is silent may have granted it all the same.
    const taken = [...granted.map(([name]) => name), ...silent];
    await this.delete(holder, lock, local ? [node, ...taken] : taken);
    return false;
  }

  /**
   * Lets the lock go on all `nodes`; resolves when they have, or are slow to say so. A node that is not connected has
   * dropped the lock with the connection and is not dialled for it.
   */
  async delete(holder: Process, lock: LockId, nodes: readonly string[]): Promise<void> {
    const { node, locks, isConnected, callServers, changed } = this.#options;
    if (nodes.includes(node)) {
      locks.delete(lock, holder.pid);
      changed();
    }
    const remote = nodes.filter((name) => name !== node && isConnected(name));
    if (remote.length === 0) return;
    await callServers(holder, remote, encodeDelLock(lock), RELEASE_ANSWER_LIMIT_MS);
  }
}
