/**
 * The messages of `gen_server`: how a call, a cast and a reply look, and where a reply goes.
 *
 * ```
 * call   {'$gen_call', {FromPid, Tag}, Request}      reply  {Tag, Reply}
 * cast   {'$gen_cast', Request}
 * system {system, {FromPid, Tag}, Request}
 * ```
 *
 * The caller chooses the tag, the callee returns it unchanged:
 *
 * | tag | caller | the reply goes to |
 * |---|---|---|
 * | `[alias\|Ref]` | `gen_server:call` of OTP 24 and later, and ours | the alias `Ref` |
 * | `[[alias\|AliasRef]\|MonRef]` | `gen_server:multi_call` of OTP 26 and later | the alias `AliasRef` |
 * | `{Ref, Node}`, `Ref`, anything else | older callers, other languages | the pid |
 *
 * @see OTP `gen.erl`, `do_call/4` and `reply/2`
 */
import { atom, isAtom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import { Reference } from '../terms/reference.ts';
import { ImproperList, isTuple, type Term, Tuple, tuple } from '../terms/term.ts';

/** Who called, and the tag with which the reply has to come back. */
export interface From {
  readonly pid: Pid;
  readonly tag: Term;
}

/** A request that wants a reply. */
export interface Request {
  readonly from: From;
  readonly request: Term;
}

/** A message to a server by its kind; what has none of the known shapes is `info`. */
export type GenMessage =
  | ({ readonly type: 'call' } & Request)
  | { readonly type: 'cast'; readonly request: Term }
  | ({ readonly type: 'system' } & Request)
  | { readonly type: 'info'; readonly message: Term };

const GEN_CALL = atom('$gen_call');
const GEN_CAST = atom('$gen_cast');
const ALIAS: readonly Term[] = [atom('alias')];

/** The message of a call: `{'$gen_call', {Pid, Tag}, Request}`. */
export function callMessage(from: From, request: Term): Tuple {
  return new Tuple([GEN_CALL, new Tuple([from.pid, from.tag]), request]);
}

/** The message of a cast: `{'$gen_cast', Request}`. */
export function castMessage(request: Term): Tuple {
  return tuple(GEN_CAST, request);
}

/** The message of a reply: `{Tag, Reply}`. */
export function replyMessage(from: From, reply: Term): Tuple {
  return new Tuple([from.tag, reply]);
}

/** The tag `[alias|Ref]`. */
export function aliasTag(ref: Reference): ImproperList {
  return new ImproperList(ALIAS, ref);
}

/** Where the reply to `from` goes: see the table above. */
export function replyDestination(from: From): Pid | Reference {
  const { tag } = from;
  if (!(tag instanceof ImproperList) || tag.elements.length !== 1) return from.pid;
  return aliasOf(tag) ?? aliasOf(tag.elements[0]) ?? from.pid;
}

/** The parts of a call; `undefined` for any other message. */
export function parseCall(message: Term): Request | undefined {
  return parseRequest(message, '$gen_call');
}

/** The request in a cast; `undefined` for any other message. */
export function parseCast(message: Term): Term | undefined {
  return isTuple(message, 2, '$gen_cast') ? message.elements[1] : undefined;
}

/** Sorts a message to a server. A call whose sender is not `{Pid, Tag}` cannot be answered: `info`. */
export function decodeGenMessage(message: Term): GenMessage {
  const call = parseCall(message);
  if (call !== undefined) return { type: 'call', from: call.from, request: call.request };
  const cast = parseCast(message);
  if (cast !== undefined) return { type: 'cast', request: cast };
  const system = parseRequest(message, 'system');
  if (system !== undefined) return { type: 'system', from: system.from, request: system.request };
  return { type: 'info', message };
}

function parseRequest(message: Term, kind: string): Request | undefined {
  if (!isTuple(message, 3, kind)) return undefined;
  const [, second, request] = message.elements;
  const from = decodeFrom(second);
  return from === undefined || request === undefined ? undefined : { from, request };
}

function decodeFrom(term: Term | undefined): From | undefined {
  if (!isTuple(term, 2)) return undefined;
  const [pid, tag] = term.elements;
  return pid instanceof Pid && tag !== undefined ? { pid, tag } : undefined;
}

/** The reference in `[alias|Ref]`. */
function aliasOf(term: Term | undefined): Reference | undefined {
  if (!(term instanceof ImproperList) || !(term.tail instanceof Reference)) return undefined;
  return term.elements.length === 1 && isAtom(term.elements[0], 'alias') ? term.tail : undefined;
}
