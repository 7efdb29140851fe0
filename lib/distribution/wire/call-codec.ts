/**
 * What calls are made of, written and read without a walk through the terms one by one: the control messages of
 * sends to a pid or an alias, and the beginnings of a call and of its reply.
 *
 * ```
 * control  {22, FromPid, ToPid}  {33, FromPid, Alias}
 * call     {'$gen_call', {Pid, [alias|Ref]}, Request}
 * reply    {[alias|Ref], Reply}
 * ```
 *
 * The bytes are those of `encodeTerm`, with all atoms in the header. Whatever does not look exactly like this,
 * and all that is wrong, is left to the codec of terms: each method says whether it has done its part, and
 * leaves writer or reader where it was if not.
 */
import type { ByteReader } from '../bytes/reader.ts';
import type { ByteWriter } from '../bytes/writer.ts';
import { TermError } from '../errors.ts';
import { Atom, atom } from '../terms/atom.ts';
import type { TermDecoder } from '../terms/decode.ts';
import { encodeNested } from '../terms/encode.ts';
import type { IdentifierCache } from '../terms/identifier-cache.ts';
import { Pid } from '../terms/pid.ts';
import { Reference } from '../terms/reference.ts';
import {
  ATOM_CACHE_REF,
  LIST_EXT,
  NEW_PID_EXT,
  NEWER_REFERENCE_EXT,
  SMALL_INTEGER_EXT,
  SMALL_TUPLE_EXT,
} from '../terms/tags.ts';
import { ImproperList, type Term, Tuple } from '../terms/term.ts';
import type { AliasSend, SendSender } from './control/messages.ts';
import type { OutboundAtomCache } from './distribution-header.ts';

const SEND_SENDER = 22;
const ALIAS_SEND = 33;

/** The numbers of bytes, every atom being an index into the header. */
const CONTROL_HEAD = 4;
const PID = 15;
const REFERENCE = 21;
/** `[alias|Ref]` */
const TAG = 7 + REFERENCE;
/** `{'$gen_call', {Pid, [alias|Ref]},` */
const CALL_HEAD = 6 + PID + TAG;
const REPLY_HEAD = 2 + TAG;

/** How deep a request or a reply stands in its message, and how many terms stand before it. */
const DEPTH = 1;
const CALL_TERMS = 7;
const REPLY_TERMS = 4;

const GEN_CALL = atom('$gen_call');
const ALIAS: readonly Term[] = [atom('alias')];

/** Appends to a writer; the header lists the atoms afterwards. */
export class CallWriter {
  readonly #atoms: OutboundAtomCache;

  constructor(atoms: OutboundAtomCache) {
    this.#atoms = atoms;
  }

  /** @throws {TermError} `unencodable` for a node whose name is no atom */
  control(out: ByteWriter, { elements }: Tuple): boolean {
    const [operation, from, to] = elements;
    if (elements.length !== 3 || !isWritablePid(from)) return false;
    if (operation === SEND_SENDER && isWritablePid(to)) {
      const at = out.claim(CONTROL_HEAD + 2 * PID);
      this.#controlHead(out.buffer, at, SEND_SENDER, from);
      this.#pid(out.buffer, at + CONTROL_HEAD + PID, to);
      return true;
    }
    if (operation === ALIAS_SEND && isWritableReference(to)) {
      const at = out.claim(CONTROL_HEAD + PID + REFERENCE);
      this.#controlHead(out.buffer, at, ALIAS_SEND, from);
      this.#reference(out.buffer, at + CONTROL_HEAD + PID, to);
      return true;
    }
    return false;
  }

  /** @throws {TermError} for what is no term; the words are then those of the part, and not of the message */
  payload(out: ByteWriter, term: Term): boolean {
    if (!(term instanceof Tuple)) return false;
    const { elements } = term;
    if (elements.length === 3) return this.#call(out, elements);
    return elements.length === 2 && this.#reply(out, elements);
  }

  #call(out: ByteWriter, elements: readonly Term[]): boolean {
    const [kind, from, request] = elements;
    if (!(kind instanceof Atom) || kind.name !== '$gen_call') return false;
    if (!(from instanceof Tuple) || from.elements.length !== 2) return false;
    const [pid, tag] = from.elements;
    if (!isWritablePid(pid) || !isWritableTag(tag)) return false;
    const at = out.claim(CALL_HEAD);
    const bytes = out.buffer;
    bytes[at] = SMALL_TUPLE_EXT;
    bytes[at + 1] = 3;
    this.#atom(bytes, at + 2, '$gen_call');
    bytes[at + 4] = SMALL_TUPLE_EXT;
    bytes[at + 5] = 2;
    this.#pid(bytes, at + 6, pid);
    this.#tag(bytes, at + 6 + PID, tag);
    encodeNested(out, request!, this.#atoms, DEPTH);
    return true;
  }

  #reply(out: ByteWriter, elements: readonly Term[]): boolean {
    const [tag, reply] = elements;
    if (!isWritableTag(tag)) return false;
    const at = out.claim(REPLY_HEAD);
    const bytes = out.buffer;
    bytes[at] = SMALL_TUPLE_EXT;
    bytes[at + 1] = 2;
    this.#tag(bytes, at + 2, tag);
    encodeNested(out, reply!, this.#atoms, DEPTH);
    return true;
  }

  #controlHead(bytes: Uint8Array, at: number, operation: number, from: Pid): void {
    bytes[at] = SMALL_TUPLE_EXT;
    bytes[at + 1] = 3;
    bytes[at + 2] = SMALL_INTEGER_EXT;
    bytes[at + 3] = operation;
    this.#pid(bytes, at + CONTROL_HEAD, from);
  }

  #tag(bytes: Uint8Array, at: number, tag: AliasTag): void {
    bytes[at] = LIST_EXT;
    put32(bytes, at + 1, 1);
    this.#atom(bytes, at + 5, 'alias');
    this.#reference(bytes, at + 7, tag.tail);
  }

  #pid(bytes: Uint8Array, at: number, { node, id, serial, creation }: Pid): void {
    bytes[at] = NEW_PID_EXT;
    this.#atom(bytes, at + 1, node);
    put32(bytes, at + 3, id);
    put32(bytes, at + 7, serial);
    put32(bytes, at + 11, creation);
  }

  #reference(bytes: Uint8Array, at: number, { node, creation, words }: Reference): void {
    bytes[at] = NEWER_REFERENCE_EXT;
    bytes[at + 1] = 0;
    bytes[at + 2] = 3;
    this.#atom(bytes, at + 3, node);
    put32(bytes, at + 5, creation);
    put32(bytes, at + 9, words[0]!);
    put32(bytes, at + 13, words[1]!);
    put32(bytes, at + 17, words[2]!);
  }

  /** The first few atoms of a message always have room in its header, unless they are no atoms. */
  #atom(bytes: Uint8Array, at: number, name: string): void {
    const index = this.#atoms.indexOf(name);
    if (index < 0) throw new TermError('unencodable', 'expected an atom of well-formed Unicode');
    bytes[at] = ATOM_CACHE_REF;
    bytes[at + 1] = index;
  }
}

/** `[alias|Ref]`, as far as it can be written here. */
type AliasTag = ImproperList & { readonly tail: Reference };

function isWritableTag(term: Term | undefined): term is AliasTag {
  if (!(term instanceof ImproperList) || term.elements.length !== 1) return false;
  const [first] = term.elements;
  return first instanceof Atom && first.name === 'alias' && isWritableReference(term.tail);
}

function isWritablePid(term: Term | undefined): term is Pid {
  if (!(term instanceof Pid)) return false;
  const { node, id, serial, creation } = term;
  return isShort(node) && isWord(id) && isWord(serial) && isWord(creation);
}

function isWritableReference(term: Term | undefined): term is Reference {
  if (!(term instanceof Reference)) return false;
  const { node, creation, words } = term;
  if (words.length !== 3 || !isShort(node) || !isWord(creation)) return false;
  return isWord(words[0]!) && isWord(words[1]!) && isWord(words[2]!);
}

/** Short enough to be an atom, whatever its characters, if they are well-formed. */
function isShort(name: string): boolean {
  return name.length <= 63;
}

function isWord(value: number): boolean {
  return value >>> 0 === value;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Reads at the cursor of a reader. */
export class CallReader {
  readonly #reader: ByteReader;
  readonly #terms: TermDecoder;
  readonly #known: IdentifierCache;

  /** @param terms reads requests and replies, from the same reader */
  constructor(reader: ByteReader, terms: TermDecoder, known: IdentifierCache) {
    this.#reader = reader;
    this.#terms = terms;
    this.#known = known;
  }

  /** @param atoms those of the header */
  control(atoms: readonly string[]): SendSender | AliasSend | undefined {
    const reader = this.#reader;
    if (reader.remaining < CONTROL_HEAD + PID + PID) return undefined;
    const { buffer: bytes, offset: at } = reader;
    if (!isTuple(bytes, at, 3) || bytes[at + 2] !== SMALL_INTEGER_EXT) return undefined;
    const from = this.#pid(bytes, at + CONTROL_HEAD, atoms);
    if (from === undefined) return undefined;
    const operation = bytes[at + 3];
    if (operation === SEND_SENDER) {
      const to = this.#pid(bytes, at + CONTROL_HEAD + PID, atoms);
      if (to === undefined) return undefined;
      reader.skip(CONTROL_HEAD + 2 * PID);
      return { operation: 'SEND_SENDER', from, to };
    }
    if (operation !== ALIAS_SEND || reader.remaining < CONTROL_HEAD + PID + REFERENCE) {
      return undefined;
    }
    const to = this.#reference(bytes, at + CONTROL_HEAD + PID, atoms);
    if (to === undefined) return undefined;
    reader.skip(CONTROL_HEAD + PID + REFERENCE);
    return { operation: 'ALIAS_SEND', from, to };
  }

  /** As {@link control}, for a call or a reply. @throws {TermError} for what the request or the reply is */
  payload(atoms: readonly string[]): Tuple | undefined {
    const reader = this.#reader;
    if (reader.remaining <= REPLY_HEAD) return undefined;
    const { buffer: bytes, offset: at } = reader;
    if (isTuple(bytes, at, 2)) {
      const tag = this.#tag(bytes, at + 2, atoms);
      if (tag === undefined) return undefined;
      reader.skip(REPLY_HEAD);
      return new Tuple([tag, this.#terms.readNested(atoms, DEPTH, REPLY_TERMS)]);
    }
    if (reader.remaining <= CALL_HEAD || !isTuple(bytes, at, 3)) return undefined;
    if (!isAtom(bytes, at + 2, atoms, '$gen_call') || !isTuple(bytes, at + 4, 2)) return undefined;
    const pid = this.#pid(bytes, at + 6, atoms);
    const tag = this.#tag(bytes, at + 6 + PID, atoms);
    if (pid === undefined || tag === undefined) return undefined;
    reader.skip(CALL_HEAD);
    const request = this.#terms.readNested(atoms, DEPTH, CALL_TERMS);
    return new Tuple([GEN_CALL, new Tuple([pid, tag]), request]);
  }

  #tag(bytes: Uint8Array, at: number, atoms: readonly string[]): ImproperList | undefined {
    if (bytes[at] !== LIST_EXT || get32(bytes, at + 1) !== 1) return undefined;
    if (!isAtom(bytes, at + 5, atoms, 'alias')) return undefined;
    const ref = this.#reference(bytes, at + 7, atoms);
    return ref === undefined ? undefined : new ImproperList(ALIAS, ref);
  }

  #pid(bytes: Uint8Array, at: number, atoms: readonly string[]): Pid | undefined {
    if (bytes[at] !== NEW_PID_EXT || bytes[at + 1] !== ATOM_CACHE_REF) return undefined;
    const node = atoms[bytes[at + 2]!];
    if (node === undefined) return undefined;
    const id = get32(bytes, at + 3);
    return this.#known.pid(node, id, get32(bytes, at + 7), get32(bytes, at + 11));
  }

  #reference(bytes: Uint8Array, at: number, atoms: readonly string[]): Reference | undefined {
    if (bytes[at] !== NEWER_REFERENCE_EXT || bytes[at + 1] !== 0 || bytes[at + 2] !== 3) {
      return undefined;
    }
    if (bytes[at + 3] !== ATOM_CACHE_REF) return undefined;
    const node = atoms[bytes[at + 4]!];
    if (node === undefined) return undefined;
    const [creation, a, b] = [get32(bytes, at + 5), get32(bytes, at + 9), get32(bytes, at + 13)];
    return this.#known.reference(node, creation, a, b, get32(bytes, at + 17));
  }
}

function isTuple(bytes: Uint8Array, at: number, arity: number): boolean {
  return bytes[at] === SMALL_TUPLE_EXT && bytes[at + 1] === arity;
}

function isAtom(bytes: Uint8Array, at: number, atoms: readonly string[], name: string): boolean {
  return bytes[at] === ATOM_CACHE_REF && atoms[bytes[at + 1]!] === name;
}

function get32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}
