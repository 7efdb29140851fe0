/**
 * The names and locks of this node, and the rule that ties them: a name may change only under the
 * lock `global`, held by whoever changes it. A change that comes after its transaction has lost the
 * lock is undone, since other nodes may never have seen it.
 *
 * @see OTP `global`, lock_still_set/3, do_ops/5; reference 7.5
 */
import { atom } from '../../terms/atom.ts';
import type { Pid } from '../../terms/pid.ts';
import { Reference } from '../../terms/reference.ts';
import type { Term } from '../../terms/term.ts';
import { termKey } from '../../terms/term-key.ts';
import { LockTable } from './lock-table.ts';
import type { ExternalName, LockId, NamedPid, NameOperation } from './messages/protocol.ts';
import type { Monitors } from './monitors.ts';
import { NameTable } from './name-table.ts';

/** Something has happened to a name. */
export interface NameEvent {
  readonly type: 'registered' | 'unregistered' | 'conflict';
  readonly name: Term;
  /** who holds it now, who held it last, or (conflict) who holds it on our side */
  readonly pid: Pid;
}

export interface NameRegistryOptions {
  readonly monitors: Monitors;
  /** whether a process of this node is alive; true for those of other nodes */
  readonly isAlive: (pid: Pid) => boolean;
  readonly onEvent: (event: NameEvent) => void;
}

const GLOBAL = atom('global');

export class NameRegistry {
  readonly locks: LockTable;
  readonly names: NameTable;
  readonly #isAlive: (pid: Pid) => boolean;
  readonly #onEvent: (event: NameEvent) => void;

  constructor({ monitors, isAlive, onEvent }: NameRegistryOptions) {
    this.locks = new LockTable(monitors);
    this.names = new NameTable(monitors);
    this.#isAlive = isAlive;
    this.#onEvent = onEvent;
  }

  /** Whether a change of names, or a meeting of partitions, is under way here. */
  get isLocked(): boolean {
    return this.locks.isLocked(GLOBAL);
  }

  /** The process registered under the name; a local one must be alive. */
  whereis(name: Term): Pid | undefined {
    const pid = this.names.get(name)?.pid;
    return pid !== undefined && this.#isAlive(pid) ? pid : undefined;
  }

  /** Stores a name on behalf of a registrar, which must hold the lock. */
  register(entry: NamedPid, registrar: Pid, registrationNode?: string): void {
    const allowed = this.isLocked
      ? this.locks.isHolder(GLOBAL, registrar)
      : !this.locks.globalReleasedByDown;
    this.#insert(entry, registrationNode, allowed);
  }

  unregister(name: Term): void {
    const removed = this.names.delete(name);
    if (removed !== undefined) this.#emit('unregistered', removed);
  }

  /** Applies what two partitions found out about each other; all insertions come first. */
  apply(
    operations: readonly NameOperation[],
    externalNames: readonly ExternalName[],
    lock: LockId | undefined,
  ): void {
    const allowed = this.#isAllowed(lock);
    for (const operation of operations) {
      if (operation.type !== 'insert') continue;
      this.#insert(operation, registrationNodeOf(operation, externalNames), allowed);
    }
    for (const operation of operations) {
      if (operation.type === 'delete') this.unregister(operation.name);
    }
  }

  /** Two partitions have the name, with different processes. */
  conflict(name: Term, ours: Pid): void {
    this.#onEvent({ type: 'conflict', name, pid: ours });
  }

  /** A monitored process has ended: its name or its hold on a lock ends with it. */
  down(ref: Term): void {
    if (!(ref instanceof Reference)) return;
    const entry = this.names.down(ref);
    if (entry !== undefined) this.#emit('unregistered', entry);
    else this.locks.down(ref);
  }

  /** The connection to a node is lost, and with it everything of its processes. */
  nodedown(node: string): void {
    this.locks.dropNode(node);
    for (const entry of this.names.dropNode(node)) this.#emit('unregistered', entry);
  }

  clear(): void {
    this.names.clear();
    this.locks.clear();
  }

  #insert(entry: NamedPid, registrationNode: string | undefined, allowed: boolean): void {
    if (!allowed) {
      this.unregister(entry.name);
      return;
    }
    const replaced = this.names.insert(entry, registrationNode);
    if (replaced?.pid.equals(entry.pid)) return;
    if (replaced !== undefined) this.#emit('unregistered', replaced);
    this.#emit('registered', entry);
  }

  #isAllowed(lock: LockId | undefined): boolean {
    const holder = this.locks.requesterOf(GLOBAL);
    if (holder === undefined) return !this.locks.globalReleasedByDown;
    return lock !== undefined && termKey(lock.requester) === termKey(holder);
  }

  #emit(type: NameEvent['type'], { name, pid }: { name: Term; pid: Pid }): void {
    this.#onEvent({ type, name, pid });
  }
}

function registrationNodeOf(
  entry: NamedPid,
  externalNames: readonly ExternalName[],
): string | undefined {
  if (externalNames.length === 0) return undefined;
  const key = termKey(entry.name);
  return externalNames.find(({ name, pid }) => pid.equals(entry.pid) && termKey(name) === key)
    ?.registrationNode;
}
