/**
 * The locks of one node: who holds which resource.
 *
 * A resource is held by one requester at a time, in the name of any number of holder processes;
 * it is free when the last of them has let go or has ended. The lock on the resource `global`
 * guards the name table. Each holder is monitored. Pure but for the {@link Monitors} port.
 *
 * Source: OTP `global`, handle_set_lock/3, handle_del_lock/3, delete_lock/2.
 */
import { isAtom } from '../../terms/atom.ts';
import type { Pid } from '../../terms/pid.ts';
import type { Reference } from '../../terms/reference.ts';
import type { Term } from '../../terms/term.ts';
import { termKey } from '../../terms/term-key.ts';
import type { LockId } from './messages/protocol.ts';
import type { Monitors } from './monitors.ts';

interface Holder {
  readonly pid: Pid;
  readonly ref: Reference;
}

interface HeldLock {
  readonly resource: Term;
  readonly requester: Term;
  readonly requesterKey: string;
  readonly holders: Map<string, Holder>;
}

export class LockTable {
  readonly #monitors: Monitors;
  readonly #locks = new Map<string, HeldLock>();
  /** monitor reference -> key of the resource its process holds */
  readonly #resourceOf = new Map<string, string>();
  #globalReleasedByDown = false;

  constructor(monitors: Monitors) {
    this.#monitors = monitors;
  }

  /** How many resources are locked. */
  get size(): number {
    return this.#locks.size;
  }

  /**
   * Whether the last release of the resource `global` was the end of its holder. Until the next
   * orderly release no name may then be inserted without a lock: the insertion belongs to the
   * transaction that died.
   */
  get globalReleasedByDown(): boolean {
    return this.#globalReleasedByDown;
  }

  /** The locks held now, for inspection. */
  list(): { resource: Term; requester: Term; holders: Pid[] }[] {
    return [...this.#locks.values()].map(({ resource, requester, holders }) => ({
      resource,
      requester,
      holders: [...holders.values()].map(({ pid }) => pid),
    }));
  }

  isLocked(resource: Term): boolean {
    return this.#locks.has(termKey(resource));
  }

  /** Whether {@link set} would grant the lock. */
  canSet(lock: LockId): boolean {
    const held = this.#locks.get(termKey(lock.resource));
    return held === undefined || held.requesterKey === termKey(lock.requester);
  }

  /** The requester that holds the resource, if any. */
  requesterOf(resource: Term): Term | undefined {
    return this.#locks.get(termKey(resource))?.requester;
  }

  isHolder(resource: Term, pid: Pid): boolean {
    return this.#locks.get(termKey(resource))?.holders.has(pid.key) ?? false;
  }

  /** Makes `pid` a holder, unless another requester has the resource. Holding twice counts once. */
  set(lock: LockId, pid: Pid): boolean {
    const resourceKey = termKey(lock.resource);
    const requesterKey = termKey(lock.requester);
    let held = this.#locks.get(resourceKey);
    if (held !== undefined && held.requesterKey !== requesterKey) return false;
    if (held === undefined) {
      held = {
        resource: lock.resource,
        requester: lock.requester,
        requesterKey,
        holders: new Map(),
      };
      this.#locks.set(resourceKey, held);
    }
    if (!held.holders.has(pid.key)) {
      const ref = this.#monitors.monitor(pid);
      held.holders.set(pid.key, { pid, ref });
      this.#resourceOf.set(ref.key, resourceKey);
    }
    return true;
  }

  /** Lets `pid` go. Nothing happens when that requester or that process does not hold the lock. */
  delete(lock: LockId, pid: Pid): void {
    const resourceKey = termKey(lock.resource);
    const held = this.#locks.get(resourceKey);
    if (held?.requesterKey !== termKey(lock.requester)) return;
    const holder = held.holders.get(pid.key);
    if (holder !== undefined) this.#release(resourceKey, held, holder, false);
  }

  /** A monitored process has ended. Returns whether the reference was one of ours. */
  down(ref: Reference): boolean {
    const resourceKey = this.#resourceOf.get(ref.key);
    const held = resourceKey === undefined ? undefined : this.#locks.get(resourceKey);
    if (resourceKey === undefined || held === undefined) return false;
    for (const holder of held.holders.values()) {
      if (holder.ref.equals(ref)) this.#release(resourceKey, held, holder, true);
    }
    return true;
  }

  /** The connection to a node is lost, and with it every holder that lives there. */
  dropNode(node: string): void {
    for (const [resourceKey, held] of this.#locks) {
      for (const holder of held.holders.values()) {
        if (holder.pid.node === node) this.#release(resourceKey, held, holder, true);
      }
    }
  }

  /** Removes every lock. */
  clear(): void {
    for (const held of this.#locks.values()) {
      for (const { ref } of held.holders.values()) this.#monitors.demonitor(ref);
    }
    this.#locks.clear();
    this.#resourceOf.clear();
  }

  #release(resourceKey: string, held: HeldLock, holder: Holder, down: boolean): void {
    held.holders.delete(holder.pid.key);
    this.#resourceOf.delete(holder.ref.key);
    this.#monitors.demonitor(holder.ref);
    if (held.holders.size > 0) return;
    this.#locks.delete(resourceKey);
    if (isAtom(held.resource, 'global')) this.#globalReleasedByDown = down;
  }
}
