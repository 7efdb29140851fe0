/**
 * What the members of a singleton ask each other. States are whatever its role makes of them.
 *
 * ```
 * {hello, Member}       -> {ok, Member}       here I am; pids of the two member processes
 * {collect}             -> {ok, State}        what do you know?
 * {merge, State}        -> {ok, State}        know what I know, and tell me the rest
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
  | { readonly type: 'hello'; readonly member: Pid }
  | { readonly type: 'collect' }
  | { readonly type: 'merge' | 'replicate' | 'take_over'; readonly state: Term }
  | { readonly type: 'leaving'; readonly node: string; readonly state: Term };

const OK = atom('ok');

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

/** Whether the answer is `ok`. */
export function isDone(answer: Term): boolean {
  return isAtom(answer, 'ok');
}

/** A request as a term. */
export function encodeRequest(request: MemberRequest): Tuple {
  const type = atom(request.type);
  switch (request.type) {
    case 'hello':
      return tuple(type, request.member);
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
  if (!isTuple(term, 2)) return undefined;
  const [type, value] = term.elements;
  if (!isAtom(type) || value === undefined) return undefined;
  switch (type.name) {
    case 'hello':
      return value instanceof Pid ? { type: 'hello', member: value } : undefined;
    case 'merge':
    case 'replicate':
    case 'take_over':
      return { type: type.name, state: value };
    default:
      return undefined;
  }
}
