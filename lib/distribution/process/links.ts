import type { Pid } from '../terms/pid.ts';
import { MultiMap } from './multi-map.ts';

/** One end of a link: that of `local`. */
interface LinkEntry {
  readonly local: Pid;
  readonly other: Pid;
  /** set while we have unlinked and wait for the acknowledgement: the link is inactive */
  unlinkId: number | undefined;
}

/**
 * The links of all local processes: pure bookkeeping, sends nothing.
 *
 * ```
 *           activate / accept                 deactivate (id = n)
 *  (none) ────────────────────▶ active ────────────────────────────▶ inactive n
 *     ▲                          │  ▲            activate               │
 *     │  acceptUnlink, breakLink │  └───────────────────────────────────┤
 *     └──────────────────────────┴──────────────────────────────────────┘ acknowledge n
 * ```
 *
 * Links between two local processes have an active entry at either end and are removed at once.
 *
 * @see OTP "Distribution Protocol", Link Protocol
 */
export class Links {
  readonly #node: string;
  readonly #entries = new Map<string, Map<string, LinkEntry>>();
  readonly #byNode = new MultiMap<LinkEntry>();
  #lastUnlinkId = 0;

  /** @param node our own name: entries to any other node are also indexed by it */
  constructor(node: string) {
    this.#node = node;
  }

  /** How many processes have entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** We link. @returns whether that changed anything, so that a remote process has to be told */
  activate(local: Pid, other: Pid): boolean {
    const entry = this.#find(local, other);
    if (entry === undefined) this.#insert({ local, other, unlinkId: undefined });
    else if (entry.unlinkId === undefined) return false;
    else entry.unlinkId = undefined;
    return true;
  }

  /** The other side links. An existing entry wins, also an inactive one: our unlink came later. */
  accept(local: Pid, other: Pid): void {
    if (this.#find(local, other) === undefined) {
      this.#insert({ local, other, unlinkId: undefined });
    }
  }

  /** We unlink from a remote process. @returns the id to send, `undefined` if no link was active */
  deactivate(local: Pid, other: Pid): number | undefined {
    const entry = this.#find(local, other);
    if (entry === undefined || entry.unlinkId !== undefined) return undefined;
    this.#lastUnlinkId += 1;
    entry.unlinkId = this.#lastUnlinkId;
    return entry.unlinkId;
  }

  /** The other side confirms our unlink; an id that is not the outstanding one is out of date. */
  acknowledge(local: Pid, other: Pid, id: number | bigint): void {
    const entry = this.#find(local, other);
    if (entry?.unlinkId !== undefined && BigInt(entry.unlinkId) === BigInt(id)) this.#remove(entry);
  }

  /**
   * Removes the link if it is active: the other side has unlinked or has ended, or (both ends local)
   * either side has unlinked.
   *
   * @returns whether it was active; if not, an exit signal that came over it must be ignored
   */
  breakLink(local: Pid, other: Pid): boolean {
    const entry = this.#find(local, other);
    if (entry === undefined || entry.unlinkId !== undefined) return false;
    this.#remove(entry);
    return true;
  }

  /** `local` has ended. @returns the processes at the other ends of its active links */
  takeAll(local: Pid): Pid[] {
    const entries = this.#entries.get(local.key);
    if (entries === undefined) return [];
    const others: Pid[] = [];
    for (const entry of [...entries.values()]) {
      this.#remove(entry);
      if (entry.unlinkId === undefined) others.push(entry.other);
    }
    return others;
  }

  /** The connection to `node` is lost. @returns both ends of the links that were active */
  takeNode(node: string): { readonly local: Pid; readonly other: Pid }[] {
    const taken = this.#byNode.take(node);
    for (const entry of taken) this.#remove(entry);
    return taken.filter((entry) => entry.unlinkId === undefined);
  }

  /** The processes to which `local` has an active link. */
  of(local: Pid): Pid[] {
    const entries = [...(this.#entries.get(local.key)?.values() ?? [])];
    return entries.filter((entry) => entry.unlinkId === undefined).map((entry) => entry.other);
  }

  #find(local: Pid, other: Pid): LinkEntry | undefined {
    return this.#entries.get(local.key)?.get(other.key);
  }

  #insert(entry: LinkEntry): void {
    const { local, other } = entry;
    let entries = this.#entries.get(local.key);
    if (entries === undefined) {
      entries = new Map();
      this.#entries.set(local.key, entries);
    }
    entries.set(other.key, entry);
    if (other.node !== this.#node) this.#byNode.add(other.node, entry);
  }

  #remove(entry: LinkEntry): void {
    const entries = this.#entries.get(entry.local.key);
    entries?.delete(entry.other.key);
    if (entries?.size === 0) this.#entries.delete(entry.local.key);
    this.#byNode.delete(entry.other.node, entry);
  }
}
