/**
 * The global names as this node knows them. Every node of a partition holds the same table, so a
 * look-up is local. Each registered process is monitored; its end removes its names here without
 * a word to anybody, because every node watches for itself.
 *
 * Whether an insertion is allowed is the server's decision, not the table's.
 */
import { Atom } from '../../terms/atom.ts';
import { detached } from '../../terms/detached.ts';
import type { Pid } from '../../terms/pid.ts';
import type { Reference } from '../../terms/reference.ts';
import type { Term } from '../../terms/term.ts';
import { termKey } from '../../terms/term-key.ts';
import type { ExternalName, NamedPid } from './messages/protocol.ts';
import type { Monitors } from './monitors.ts';

/** An entry of the table; `registrationNode` is set for the name of a C node. */
export interface NameEntry extends NamedPid {
  readonly registrationNode: string | undefined;
}

interface StoredName extends NameEntry {
  readonly ref: Reference;
}

export class NameTable {
  readonly #monitors: Monitors;
  readonly #names = new Map<string, StoredName>();
  /** monitor reference -> key of the name */
  readonly #nameOf = new Map<string, string>();
  /** pid -> keys of the names it holds */
  readonly #namesOfPid = new Map<string, Set<string>>();
  /** The look-up before, until the table changes: most callers ask for one name again and again. */
  #asked: Atom | undefined;
  #found: NameEntry | undefined;

  constructor(monitors: Monitors) {
    this.#monitors = monitors;
  }

  get size(): number {
    return this.#names.size;
  }

  get(name: Term): NameEntry | undefined {
    if (name === this.#asked) return this.#found;
    const entry = this.#names.get(termKey(name));
    if (name instanceof Atom) {
      this.#asked = name;
      this.#found = entry;
    }
    return entry;
  }

  /** Whether the process holds any name. */
  isNamed(pid: Pid): boolean {
    return this.#namesOfPid.has(pid.key);
  }

  list(): NamedPid[] {
    return [...this.#names.values()].map(({ name, pid, method }) => ({ name, pid, method }));
  }

  /** The names that C nodes registered. */
  listExternal(): ExternalName[] {
    const external: ExternalName[] = [];
    for (const { name, pid, registrationNode } of this.#names.values()) {
      if (registrationNode !== undefined) external.push({ name, pid, registrationNode });
    }
    return external;
  }

  /** Stores the name, in place of an earlier entry. Returns that earlier entry. */
  insert(entry: NamedPid, registrationNode?: string): NameEntry | undefined {
    const replaced = this.delete(entry.name);
    const key = termKey(entry.name);
    const ref = this.#monitors.monitor(entry.pid);
    const { pid } = entry;
    const [name, method] = [detached(entry.name), detached(entry.method)];
    this.#asked = undefined;
    this.#names.set(key, { name, pid, method, registrationNode, ref });
    this.#nameOf.set(ref.key, key);
    const ofPid = this.#namesOfPid.get(pid.key);
    if (ofPid === undefined) this.#namesOfPid.set(pid.key, new Set([key]));
    else ofPid.add(key);
    return replaced;
  }

  /** Removes the name. Returns what stood there. */
  delete(name: Term): NameEntry | undefined {
    return this.#remove(termKey(name));
  }

  /** A monitored process has ended. Returns the entry this removes, if the reference is ours. */
  down(ref: Reference): NameEntry | undefined {
    const key = this.#nameOf.get(ref.key);
    return key === undefined ? undefined : this.#remove(key);
  }

  /** The connection to a node is lost. Returns the entries of its processes, now removed. */
  dropNode(node: string): NameEntry[] {
    const removed: NameEntry[] = [];
    for (const [key, entry] of this.#names) {
      if (entry.pid.node !== node) continue;
      this.#remove(key);
      removed.push(entry);
    }
    return removed;
  }

  /** Removes every name. */
  clear(): void {
    for (const key of [...this.#names.keys()]) this.#remove(key);
  }

  #remove(key: string): NameEntry | undefined {
    const stored = this.#names.get(key);
    if (stored === undefined) return undefined;
    this.#asked = undefined;
    this.#found = undefined;
    this.#names.delete(key);
    this.#nameOf.delete(stored.ref.key);
    this.#monitors.demonitor(stored.ref);
    const ofPid = this.#namesOfPid.get(stored.pid.key);
    ofPid?.delete(key);
    if (ofPid?.size === 0) this.#namesOfPid.delete(stored.pid.key);
    return stored;
  }
}
