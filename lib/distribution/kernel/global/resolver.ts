/**
 * Conflicts over names: two partitions meet, and both have a process under the same name.
 *
 * The node with the smaller name decides, by calling the resolve function that was registered with
 * *its* process, on the node of that process. We can run the three functions that OTP offers. The
 * default of `global:register_name/2` arrives as a local fun of the module `global`, whose index 0
 * is `random_exit_name/3` in OTP 25, 27 and 29. Any other closure is code of the peer that we cannot
 * run; it is treated as the default, which leaves exactly one process with the name.
 *
 * @see OTP `global`, resolve_it/4, exchange_names/4; reference 7.8
 */
import { type Atom, atom } from '../../terms/atom.ts';
import { compareNodeNames, Pid } from '../../terms/pid.ts';
import { ExternalFun, OpaqueFun, type Term, tuple } from '../../terms/term.ts';
import type { NamedPid, NameOperation } from './messages/protocol.ts';
import type { Resolution } from './session.ts';

/** OTP's three ways to settle a conflict, by their function names. */
export type ResolveMethod = 'random_exit_name' | 'random_notify_name' | 'notify_all_name';

const METHODS: readonly ResolveMethod[] = [
  'random_exit_name',
  'random_notify_name',
  'notify_all_name',
];

/** The term that stands for a method in the protocol: `fun global:Method/3`. */
export function encodeMethod(method: ResolveMethod): ExternalFun {
  return new ExternalFun('global', method, 3);
}

/** Which method a term stands for; `undefined` if it is none that we know. */
export function decodeMethod(term: Term): ResolveMethod | undefined {
  if (term instanceof ExternalFun) {
    if (term.module !== 'global' || term.arity !== 3) return undefined;
    return METHODS.find((method) => method === term.function);
  }
  if (!(term instanceof OpaqueFun)) return undefined;
  const { module, arity, index, freeVariables } = term.parts;
  const isDefault = module === 'global' && arity === 3 && index === 0 && freeVariables.length === 0;
  return isDefault ? 'random_exit_name' : undefined;
}

/** What a method may do to processes. */
export interface ResolverActions {
  exit(pid: Pid, reason: Term): void;
  send(pid: Pid, message: Term): void;
}

const NONE = atom('none');
const KILL = atom('kill');
const CONFLICT = atom('global_name_conflict');

/**
 * Settles a conflict between two processes: `global:resolve_it/4`.
 *
 * @returns the pid that keeps the name, or `none`
 */
export function resolveIt(
  method: Term,
  name: Term,
  pid1: Pid,
  pid2: Pid,
  actions: ResolverActions,
): Pid | Atom {
  const [min, max] = compareNodeNames(pid1.node, pid2.node) < 0 ? [pid1, pid2] : [pid2, pid1];
  switch (decodeMethod(method) ?? 'random_exit_name') {
    case 'random_exit_name':
      actions.exit(max, KILL);
      return min;
    case 'random_notify_name':
      actions.send(max, tuple(CONFLICT, name));
      return min;
    case 'notify_all_name':
      actions.send(pid1, tuple(CONFLICT, name, pid2));
      actions.send(pid2, tuple(CONFLICT, name, pid1));
      return NONE;
  }
}

/** A name that both partitions have, with different processes. */
export interface Conflict {
  readonly name: Term;
  readonly ours: NamedPid;
  readonly theirs: NamedPid;
}

/** How the names of a peer differ from ours. */
export interface NameComparison {
  /** names that only the peer has */
  readonly added: readonly NamedPid[];
  readonly conflicts: readonly Conflict[];
}

/** Compares the peer's name table with ours. */
export function compareNames(
  theirNames: readonly NamedPid[],
  ours: (name: Term) => NamedPid | undefined,
): NameComparison {
  const added: NamedPid[] = [];
  const conflicts: Conflict[] = [];
  for (const theirs of theirNames) {
    const mine = ours(theirs.name);
    if (mine === undefined) added.push(theirs);
    else if (!mine.pid.equals(theirs.pid))
      conflicts.push({ name: theirs.name, ours: mine, theirs });
  }
  return { added, conflicts };
}

/**
 * Settles one conflict where our process lives, on whichever node that is.
 *
 * @returns `undefined` when that node could not be asked
 */
export type ResolveConflict = (conflict: Conflict) => Promise<Term | undefined> | Term | undefined;

/** What the outcome of one conflict means for us and for the peer. */
function settle(conflict: Conflict, outcome: Term | undefined): Resolution {
  const { name, ours, theirs } = conflict;
  const insertTheirs: NameOperation = { type: 'insert', ...theirs };
  // Our process's node does not answer: its process is as good as gone, theirs takes the name.
  if (outcome === undefined) return { operations: [insertTheirs], forPeer: [] };
  if (outcome instanceof Pid && outcome.equals(theirs.pid)) {
    return { operations: [insertTheirs], forPeer: [] };
  }
  if (outcome instanceof Pid && outcome.equals(ours.pid)) {
    const { pid, method } = ours;
    return { operations: [], forPeer: [{ type: 'insert', name, pid, method }] };
  }
  const remove: NameOperation = { type: 'delete', name };
  return { operations: [remove], forPeer: [remove] };
}

/**
 * Computes what the meeting of two partitions changes. Conflicts are settled one after the other,
 * and only on the node with the smaller name; the other side learns the result.
 *
 * @returns at once when no other node had to be asked
 */
export function resolveNames(
  comparison: NameComparison,
  weDecide: boolean,
  resolveConflict: ResolveConflict,
): Resolution | Promise<Resolution> {
  const operations: NameOperation[] = comparison.added.map(({ name, pid, method }) => ({
    type: 'insert',
    name,
    pid,
    method,
  }));
  const forPeer: NameOperation[] = [];
  if (!weDecide) return { operations, forPeer };
  const apply = (conflict: Conflict, outcome: Term | undefined): void => {
    const settled = settle(conflict, outcome);
    operations.push(...settled.operations);
    forPeer.push(...settled.forPeer);
  };
  const goOn = (from: number): Resolution | Promise<Resolution> => {
    for (let i = from; i < comparison.conflicts.length; i += 1) {
      const conflict = comparison.conflicts[i]!;
      const outcome = resolveConflict(conflict);
      if (outcome instanceof Promise) {
        return outcome.then((settled) => {
          apply(conflict, settled);
          return goOn(i + 1);
        });
      }
      apply(conflict, outcome);
    }
    return { operations, forPeer };
  };
  return goOn(0);
}
