/**
 * What the members of a singleton ask each other. States are whatever its role makes of them. `Owner` is
 * the pid of the sender's own owner process while that serves, otherwise the atom `none`.
 *
 * ```
 * {hello, Member, Owner}-> {ok, {Member, Owner}}  here I am; pids of the two member processes
 * {collect}             -> {ok, {State, Owner}}   what do you know?
 * {merge, State, Owner} -> {ok, {State, Owner}}   know what I know, and tell me the rest
 * {owner, Owner}        -> {ok, Owner}        I serve, do you? The one on the smaller node stays
 * {replicate, State}    -> ok                 keep this safe
 * {leaving, Node, State}-> ok                 I am about to go: keep this safe, on two nodes if there are two
 * {take_over, State}    -> {ok, Owner}        own it from now on; the pid of the new owner
 * ```
 *
 * A state that the role does not understand is answered `{error, bad_state}`.
 */
import { atom, isAtom, isTuple, Pid, type Term, type Tuple, tuple } from '../distribution/index.ts';

/** A request of one member to another. */
export type MemberRequest =
  | { readonly type: 'hello'; readonly member: Pid; readonly owner: Pid | undefined }
  | { readonly type: 'collect' }
  | { readonly type: 'merge'; readonly state: Term; readonly owner: Pid | undefined }
  | { readonly type: 'owner'; readonly owner: Pid }
  | { readonly type: 'replicate' | 'take_over'; readonly state: Term }
  | { readonly type: 'leaving'; readonly node: string; readonly state: Term };

const OK = atom('ok');
const NONE = atom('none');

/** The answer `ok`. */
export const DONE: Term = OK;

/** The answer to a state that was not understood. */
export const BAD_STATE: Term = tuple(atom('error'), atom('bad_state'));

/** The answer `{ok, Value}`. */
export function ok(value: Term): Tuple {
  return tuple(OK, value);
}

/** The value in `{ok, Value}`. */
export function okValue(answer: Term): Term | undefined {
  return isTuple(answer, 2, 'ok') ? answer.elements[1] : undefined;
}

/** The owner of a member, or that it has none. */
export function ownerTerm(owner: Pid | undefined): Term {
  return owner ?? NONE;
}

/** The answer `{ok, {Value, Owner}}`. */
export function okWithOwner(value: Term, owner: Pid | undefined): Tuple {
  return ok(tuple(value, ownerTerm(owner)));
}

/** Reads {@link okWithOwner}. */
export function valueWithOwner(
  answer: Term,
): { readonly value: Term; readonly owner: Pid | undefined } | undefined {
  const both = okValue(answer);
  if (both === undefined || !isTuple(both, 2)) return undefined;
  const [value, owner] = both.elements;
  if (value === undefined || !isOwnerTerm(owner)) return undefined;
  return { value, owner: pidOf(owner) };
}

/** Whether the answer is `ok`. */
export function isDone(answer: Term): boolean {
  return isAtom(answer, 'ok');
}

/** A request as a term. */
export function encodeRequest(request: MemberRequest): Tuple {
  const type = atom(request.type);
  switch (request.type) {
    case 'hello':
      return tuple(type, request.member, ownerTerm(request.owner));
    case 'merge':
      return tuple(type, request.state, ownerTerm(request.owner));
    case 'owner':
      return tuple(type, request.owner);
    case 'collect':
      return tuple(type);
    case 'leaving':
      return tuple(type, atom(request.node), request.state);
    default:
      return tuple(type, request.state);
  }
}

/** Reads {@link encodeRequest}. */
export function decodeRequest(term: Term): MemberRequest | undefined {
  if (isTuple(term, 1, 'collect')) return { type: 'collect' };
  if (isTuple(term, 3, 'leaving')) {
    const [, node, state] = term.elements;
    return isAtom(node) && state !== undefined
      ? { type: 'leaving', node: node.name, state }
      : undefined;
  }
  if (isTuple(term, 3)) {
    const [type, value, owner] = term.elements;
    if (!isAtom(type) || value === undefined || !isOwnerTerm(owner)) return undefined;
    if (type.name === 'merge') return { type: 'merge', state: value, owner: pidOf(owner) };
    if (type.name !== 'hello' || !(value instanceof Pid)) return undefined;
    return { type: 'hello', member: value, owner: pidOf(owner) };
  }
  if (!isTuple(term, 2)) return undefined;
  const [type, value] = term.elements;
  if (!isAtom(type) || value === undefined) return undefined;
  switch (type.name) {
    case 'owner':
      return value instanceof Pid ? { type: 'owner', owner: value } : undefined;
    case 'replicate':
    case 'take_over':
      return { type: type.name, state: value };
    default:
      return undefined;
  }
}

function isOwnerTerm(term: Term | undefined): term is Term {
  return term instanceof Pid || (term !== undefined && isAtom(term, 'none'));
}

function pidOf(term: Term): Pid | undefined {
  return term instanceof Pid ? term : undefined;
}
