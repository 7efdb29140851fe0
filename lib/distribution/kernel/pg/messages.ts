/**
 * The messages that `pg` scopes exchange: the shapes, their encoders and a strict decoder. Pure. A term
 * that is no message of the protocol decodes to `undefined`. S is the pid of the sending scope.
 *
 * | message | meaning |
 * |---|---|
 * | `{discover, S}` | here I am, tell me your members |
 * | `{discover, S, Version}` | the same, from OTP 29 |
 * | `{'$gen_cast', {sync, S, [{Group, [Pid]}]}}` | these are all my members |
 * | `{join, S, Group, Pid \| [Pid]}` | these are members from now on |
 * | `{leave, S, Pid \| [Pid], [Group]}` | each of these has left each of the groups, once |
 *
 * The members that a scope tells of are always of its own node. Nothing but these shapes, the second
 * excepted, may ever be sent: the scopes of OTP 25 to 28 end when they meet anything else.
 *
 * @see OTP `pg`, handle_info/2, handle_cast/2; reference 8.2
 */
import { castMessage, parseCast } from '../../gen-server/envelope.ts';
import { atom } from '../../terms/atom.ts';
import { Pid } from '../../terms/pid.ts';
import { isTuple, type Term, type Tuple, tuple } from '../../terms/term.ts';

/** A group's name and some or all of its members; who has joined twice is there twice. */
export type Membership = readonly [group: Term, members: readonly Pid[]];

/** What one scope says to another. */
export type PgMessage =
  | { readonly type: 'discover'; readonly scope: Pid }
  | { readonly type: 'sync'; readonly scope: Pid; readonly groups: readonly Membership[] }
  | {
      readonly type: 'join';
      readonly scope: Pid;
      readonly group: Term;
      readonly members: readonly Pid[];
    }
  | {
      readonly type: 'leave';
      readonly scope: Pid;
      readonly members: readonly Pid[];
      readonly groups: readonly Term[];
    };

const DISCOVER = atom('discover');
const SYNC = atom('sync');
const JOIN = atom('join');
const LEAVE = atom('leave');

/** `{discover, S}` */
export function encodeDiscover(scope: Pid): Tuple {
  return tuple(DISCOVER, scope);
}

/** `{'$gen_cast', {sync, S, Groups}}` */
export function encodeSync(scope: Pid, groups: readonly Membership[]): Tuple {
  const terms = groups.map(([group, members]) => tuple(group, members));
  return castMessage(tuple(SYNC, scope, terms));
}

/** `{join, S, Group, Members}` */
export function encodeJoin(scope: Pid, group: Term, members: readonly Pid[]): Tuple {
  return tuple(JOIN, scope, group, pidOrPids(members));
}

/** `{leave, S, Members, Groups}` */
export function encodeLeave(scope: Pid, members: readonly Pid[], groups: readonly Term[]): Tuple {
  return tuple(LEAVE, scope, pidOrPids(members), groups);
}

/** Reads a message of another scope. */
export function decodePgMessage(message: Term): PgMessage | undefined {
  const cast = parseCast(message);
  if (cast !== undefined) return decodeSync(cast);
  if (isTuple(message, 2, 'discover') || isTuple(message, 3, 'discover')) {
    const scope = message.elements[1];
    return scope instanceof Pid ? { type: 'discover', scope } : undefined;
  }
  if (isTuple(message, 4, 'join')) {
    const [, scope, group, memberTerms] = message.elements;
    if (!(scope instanceof Pid)) return undefined;
    const members = memberTerms instanceof Pid ? [memberTerms] : memberTerms;
    return areMembers(members, scope) ? { type: 'join', scope, group: group!, members } : undefined;
  }
  if (isTuple(message, 4, 'leave')) {
    const [, scope, memberTerms, groups] = message.elements;
    if (!(scope instanceof Pid) || !Array.isArray(groups)) return undefined;
    const members = memberTerms instanceof Pid ? [memberTerms] : memberTerms;
    return areMembers(members, scope) ? { type: 'leave', scope, members, groups } : undefined;
  }
  return undefined;
}

function decodeSync(cast: Term): PgMessage | undefined {
  if (!isTuple(cast, 3, 'sync')) return undefined;
  const [, scope, groupTerms] = cast.elements;
  if (!(scope instanceof Pid) || !Array.isArray(groupTerms)) return undefined;
  const groups: Membership[] = [];
  for (const term of groupTerms as readonly Term[]) {
    if (!isTuple(term, 2)) return undefined;
    const [group, members] = term.elements;
    if (!areMembers(members, scope)) return undefined;
    groups.push([group!, members]);
  }
  return { type: 'sync', scope, groups };
}

function areMembers(term: Term | undefined, { node }: Pid): term is readonly Pid[] {
  return (
    Array.isArray(term) &&
    (term as readonly Term[]).every((member) => member instanceof Pid && member.node === node)
  );
}

/** OTP sends a single member as it was given to `join`; so do we. */
function pidOrPids(members: readonly Pid[]): Pid | readonly Pid[] {
  return members.length === 1 ? members[0]! : members;
}
