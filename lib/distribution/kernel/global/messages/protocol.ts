/**
 * The `global` protocol, version 8: what its server is called, the versions, and the values that several
 * messages hold, each with its codec. Pure. The messages are in the files beside this one: casts, calls
 * and infos, that is, messages without an envelope. A term that is no message of the protocol decodes to
 * `undefined`; what to do about it is the receiver's decision.
 *
 * Lists may be empty but must be proper, node names must be atoms, tags integers. Tags and
 * operation ids exceed 2^53; they are kept as they came (`number` or `bigint`) and echoed.
 *
 * Source: OTP 25 to 29 `global` (init_connect … in_sync, lost_connection, remove_connection).
 */
import { Atom, atom, isAtom } from '../../../terms/atom.ts';
import { Pid } from '../../../terms/pid.ts';
import { isTuple, type Term, Tuple, tuple } from '../../../terms/term.ts';

/** The name under which every node registers its `global` server. */
export const GLOBAL_NAME_SERVER = 'global_name_server';

/** The protocol version we speak. */
export const GLOBAL_VERSION = 8;

/** Versions below this one lack what keeps partitions from overlapping; OTP 25 and later never send them. */
export const LOWEST_GLOBAL_VERSION = 7;

/** A synchronisation tag or operation id: any integer, compared and echoed exactly. */
export type Tag = number | bigint;

/** `{ResourceId, RequesterId}`: the lock on a resource, as held by one requester. */
export interface LockId {
  readonly resource: Term;
  readonly requester: Term;
}

/** A registered name with the function that resolves a conflict over it. */
export interface NamedPid {
  readonly name: Term;
  readonly pid: Pid;
  readonly method: Term;
}

/** A change of the name table, as computed when two partitions meet. */
export type NameOperation =
  | ({ readonly type: 'insert' } & NamedPid)
  | { readonly type: 'delete'; readonly name: Term };

/** A name that a C node registered through `registrationNode`. */
export interface ExternalName {
  readonly name: Term;
  readonly pid: Pid;
  readonly registrationNode: string;
}

/** A member of a partition and the protocol version it speaks (0 when the teller did not know). */
export interface KnownNode {
  readonly node: string;
  readonly version: number;
}

/** Whether two tags are the same integer, in whichever of the two JavaScript types they came. */
export function sameTag(a: Tag | undefined, b: Tag | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a === b || BigInt(a) === BigInt(b);
}

/** Turns one list of terms into a list of values; `undefined` as soon as one of them is malformed. */
export function mapList<T>(term: Term, decode: (element: Term) => T | undefined): T[] | undefined {
  if (!Array.isArray(term)) return undefined;
  const result: T[] = [];
  for (const element of term as readonly Term[]) {
    const value = decode(element);
    if (value === undefined) return undefined;
    result.push(value);
  }
  return result;
}

/** Whether a term can be a tag. */
export function isTag(term: Term | undefined): term is Tag {
  return typeof term === 'bigint' || Number.isSafeInteger(term);
}

/** The name of a node, which is an atom; `undefined` for all else. */
export function nodeName(term: Term | undefined): string | undefined {
  return term instanceof Atom ? term.name : undefined;
}

/** `true` or `false`; `undefined` for all else. */
export function booleanOf(term: Term | undefined): boolean | undefined {
  if (isAtom(term, 'true')) return true;
  return isAtom(term, 'false') ? false : undefined;
}

/** `{ResourceId, RequesterId}` */
export function encodeLockId(lock: LockId): Tuple {
  return tuple(lock.resource, lock.requester);
}

/** Reads a lock; `undefined` when it is none. */
export function decodeLockId(term: Term | undefined): LockId | undefined {
  if (!isTuple(term, 2)) return undefined;
  const [resource, requester] = term.elements;
  return { resource: resource!, requester: requester! };
}

/** `{Name, Pid, Method}` */
export function encodeNamedPid(entry: NamedPid): Tuple {
  return tuple(entry.name, entry.pid, entry.method);
}

/** Reads a name with its pid; `undefined` when it is none. */
export function decodeNamedPid(term: Term): NamedPid | undefined {
  if (!isTuple(term, 3)) return undefined;
  const [name, pid, method] = term.elements;
  return pid instanceof Pid ? { name: name!, pid, method: method! } : undefined;
}

/** `{insert, {Name, Pid, Method}}` or `{delete, Name}` */
export function encodeOperation(operation: NameOperation): Tuple {
  return operation.type === 'insert'
    ? tuple(atom('insert'), encodeNamedPid(operation))
    : tuple(atom('delete'), operation.name);
}

/** Reads a change of the name table; `undefined` when it is none. */
export function decodeOperation(term: Term): NameOperation | undefined {
  if (isTuple(term, 2, 'delete')) return { type: 'delete', name: term.elements[1]! };
  if (!isTuple(term, 2, 'insert')) return undefined;
  const entry = decodeNamedPid(term.elements[1]!);
  return entry && { type: 'insert', ...entry };
}

/** `{Name, Pid, RegistrationNode}` */
export function encodeExternalName(entry: ExternalName): Tuple {
  return tuple(entry.name, entry.pid, atom(entry.registrationNode));
}

/** Reads the name of a C node; `undefined` when it is none. */
export function decodeExternalName(term: Term): ExternalName | undefined {
  if (!isTuple(term, 3)) return undefined;
  const [name, pid, node] = term.elements;
  const registrationNode = nodeName(node);
  if (!(pid instanceof Pid) || registrationNode === undefined) return undefined;
  return { name: name!, pid, registrationNode };
}

/** `{Node, Version}`, or the bare node where the version is not known. */
export function encodeKnownNode(known: KnownNode): Tuple {
  return tuple(atom(known.node), known.version);
}

/** Reads a member of a partition; `undefined` when it is none. */
export function decodeKnownNode(term: Term): KnownNode | undefined {
  if (term instanceof Atom) return { node: term.name, version: 0 };
  if (!isTuple(term, 2)) return undefined;
  const node = nodeName(term.elements[0]);
  const version = term.elements[1];
  if (node === undefined || typeof version !== 'number' || !Number.isInteger(version)) {
    return undefined;
  }
  return { node, version };
}

/** The key of a tagged tuple in the tables of decoders: `tag/arity`. */
export function shapeOf(message: Term): string {
  if (!(message instanceof Tuple) || !isAtom(message.elements[0])) return '';
  return `${message.elements[0].name}/${message.arity}`;
}
