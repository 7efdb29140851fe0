/**
 * Who is in which group, and on whose word: this node's own members, and those of each remote scope. Pure.
 *
 * A process may be in a group several times; each time counts. A group without members does not exist.
 */
import { detached } from '../../terms/detached.ts';
import type { Pid } from '../../terms/pid.ts';
import type { Term } from '../../terms/term.ts';
import { termKey } from '../../terms/term-key.ts';
import type { Membership } from './messages.ts';

interface Group {
  readonly name: Term;
  readonly byOwner: Map<string, readonly Pid[]>;
  /** all members, computed when they are asked for; whoever has it may keep it */
  all: readonly Pid[] | undefined;
}

interface Owner {
  readonly groups: Map<string, Group>;
  memberships: number;
}

const NOBODY: readonly Pid[] = [];

export class GroupTable {
  readonly #groups = new Map<string, Group>();
  readonly #owners = new Map<string, Owner>();

  /** The members of a group. The array is not changed afterwards. */
  members(name: Term): readonly Pid[] {
    const group = this.#groups.get(termKey(name));
    if (group === undefined) return NOBODY;
    group.all ??= [...group.byOwner.values()].flat();
    return group.all;
  }

  /** The members on the word of one owner. The array is not changed afterwards. */
  membersOf(owner: string, name: Term): readonly Pid[] {
    return this.#groups.get(termKey(name))?.byOwner.get(owner) ?? NOBODY;
  }

  /** The names of all groups. */
  groups(): Term[] {
    return [...this.#groups.values()].map(({ name }) => name);
  }

  /** The groups of one owner, with its members. */
  groupsOf(owner: string): Membership[] {
    const groups = this.#owners.get(owner)?.groups.values() ?? [];
    return [...groups].map((group) => [group.name, group.byOwner.get(owner)!]);
  }

  /** How many memberships one owner has told of. */
  memberships(owner: string): number {
    return this.#owners.get(owner)?.memberships ?? 0;
  }

  add(ownerName: string, name: Term, members: readonly Pid[]): void {
    if (members.length === 0) return;
    const key = termKey(name);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { name: detached(name), byOwner: new Map(), all: undefined };
      this.#groups.set(key, group);
    }
    let owner = this.#owners.get(ownerName);
    if (owner === undefined) {
      owner = { groups: new Map(), memberships: 0 };
      this.#owners.set(ownerName, owner);
    }
    const present = group.byOwner.get(ownerName);
    group.byOwner.set(ownerName, present === undefined ? [...members] : present.concat(members));
    group.all = undefined;
    owner.groups.set(key, group);
    owner.memberships += members.length;
  }

  /**
   * Takes each of the members out once.
   *
   * @returns those that were in the group
   */
  remove(ownerName: string, name: Term, members: readonly Pid[]): readonly Pid[] {
    const key = termKey(name);
    const group = this.#groups.get(key);
    const present = group?.byOwner.get(ownerName);
    if (group === undefined || present === undefined) return NOBODY;
    const { removed, left } = subtract(present, members);
    if (removed.length === 0) return NOBODY;
    this.#set(ownerName, key, group, left, removed.length);
    return removed;
  }

  /** Takes every member of an owner out, and returns what it had. */
  removeOwner(owner: string): Membership[] {
    const had = this.groupsOf(owner);
    for (const [name, members] of had) this.remove(owner, name, members);
    return had;
  }

  clear(): void {
    this.#groups.clear();
    this.#owners.clear();
  }

  #set(ownerName: string, key: string, group: Group, left: readonly Pid[], removed: number): void {
    const owner = this.#owners.get(ownerName)!;
    owner.memberships -= removed;
    group.all = undefined;
    if (left.length > 0) {
      group.byOwner.set(ownerName, left);
      return;
    }
    group.byOwner.delete(ownerName);
    owner.groups.delete(key);
    if (owner.groups.size === 0) this.#owners.delete(ownerName);
    if (group.byOwner.size === 0) this.#groups.delete(key);
  }
}

/** What is left of `present` without each of `members`, once for each time it is listed. */
export function subtract(
  present: readonly Pid[],
  members: readonly Pid[],
): { readonly removed: Pid[]; readonly left: Pid[] } {
  const due = new Map<string, number>();
  for (const { key } of members) due.set(key, (due.get(key) ?? 0) + 1);
  const removed: Pid[] = [];
  const left: Pid[] = [];
  for (const pid of present) {
    const count = due.get(pid.key) ?? 0;
    if (count > 0) {
      due.set(pid.key, count - 1);
      removed.push(pid);
    } else {
      left.push(pid);
    }
  }
  return { removed, left };
}
