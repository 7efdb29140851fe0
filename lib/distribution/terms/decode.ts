/**
 * Bytes to terms: the external term format, strictly, within limits.
 *
 * Pure. Binaries and bitstrings in the result are views onto the input, so they keep the frame
 * alive; whoever stores a part of one takes it with `detached` (`detached.ts`). Everything else is a
 * copy. Atoms are strings in {@link Atom} and never enter a table that only grows.
 *
 * A count is compared with the bytes present and with {@link TermLimits} before anything is
 * allocated for it. Only {@link TermError} escapes:
 * `truncated` (bytes end inside a term, or a count says they must), `unknown_tag` (not a term, or a
 * form that has no place on a connection), `invalid_term` (a form OTP refuses as well),
 * `limit_exceeded`, and from {@link decodeExternal} `trailing_bytes`.
 *
 * @see OTP "External Term Format"; `erts/emulator/beam/external.c`, dec_term
 */
import { ByteReader } from '../bytes/reader.ts';
import { TermError } from '../errors.ts';
import { Atom } from './atom.ts';
import { readAtomName, readAtomNameAfter, readCachedName } from './atom-codec.ts';
import { ErlangMap } from './erlang-map.ts';
import type { IdentifierCache } from './identifier-cache.ts';
import { readPidAfter, readPortAfter, readReferenceAfter } from './identifier-codec.ts';
import { readIntegerAfter } from './integer-codec.ts';
import { DEFAULT_TERM_LIMITS, MAX_TERM_DEPTH, type TermLimits } from './limits.ts';
import * as tags from './tags.ts';
import {
  BitString,
  ExternalFun,
  float,
  ImproperList,
  OpaqueFun,
  type Term,
  Tuple,
} from './term.ts';

export interface DecodeOptions {
  readonly limits?: Partial<TermLimits>;
  /** names that ATOM_CACHE_REF (82) points to: the atoms of the distribution header, in its order */
  readonly atomCache?: readonly string[] | undefined;
}

/** One decoding: the cursor, what it may refer to, and what is left of the limits. */
interface Decoding {
  readonly reader: ByteReader;
  atomCache: readonly string[] | undefined;
  readonly known: IdentifierCache | undefined;
  readonly maxDepth: number;
  readonly maxTerms: number;
  readonly maxBigIntBytes: number;
  terms: number;
}

/**
 * Decodes the term at the reader's position, without a version byte, and leaves the reader behind it.
 *
 * @throws {TermError} see the head of this file; the reader's position is then meaningless
 */
export function decodeTerm(reader: ByteReader, options: DecodeOptions = {}): Term {
  return readTerm(decoding(reader, options), 0);
}

function decoding(
  reader: ByteReader,
  { limits, atomCache }: DecodeOptions,
  known?: IdentifierCache,
): Decoding {
  return {
    reader,
    atomCache,
    known,
    maxDepth: Math.min(limits?.maxDepth ?? DEFAULT_TERM_LIMITS.maxDepth, MAX_TERM_DEPTH),
    maxTerms: limits?.maxTerms ?? DEFAULT_TERM_LIMITS.maxTerms,
    maxBigIntBytes: limits?.maxBigIntBytes ?? DEFAULT_TERM_LIMITS.maxBigIntBytes,
    terms: 1,
  };
}

/** Decodes the many terms of one peer, each within the same limits, with one reader. */
export class TermDecoder {
  readonly #decoding: Decoding;

  constructor(reader: ByteReader, limits: Partial<TermLimits>, known: IdentifierCache) {
    this.#decoding = decoding(reader, { limits }, known);
  }

  /** As {@link decodeTerm}. @param atomCache see {@link DecodeOptions} */
  read(atomCache: readonly string[] | undefined): Term {
    const d = this.#decoding;
    d.atomCache = atomCache;
    d.terms = 1;
    return readTerm(d, 0);
  }

  /**
   * As {@link read}, for a term inside one whose beginning has been read already.
   *
   * @param depth how many terms it is nested in
   * @param terms how many of them there are in all, itself included
   */
  readNested(atomCache: readonly string[], depth: number, terms: number): Term {
    const d = this.#decoding;
    d.atomCache = atomCache;
    d.terms = terms;
    return readTerm(d, depth);
  }
}

/**
 * Decodes what `term_to_binary/1` makes: the version byte 131 and one term that fills the rest.
 *
 * @throws {TermError} see the head of this file
 */
export function decodeExternal(bytes: Uint8Array, options?: DecodeOptions): Term {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== tags.VERSION_MAGIC) {
    throw new TermError(
      'invalid_term',
      `expected the version byte ${tags.VERSION_MAGIC}, got ${version}`,
      { offset: 0 },
    );
  }
  const term = decodeTerm(reader, options);
  if (reader.remaining > 0) {
    throw new TermError('trailing_bytes', `expected the end, got ${reader.remaining} more bytes`, {
      offset: reader.offset,
    });
  }
  return term;
}

function readTerm(d: Decoding, depth: number): Term {
  const { reader } = d;
  const offset = reader.offset;
  const tag = reader.u8();
  switch (tag) {
    case tags.SMALL_INTEGER_EXT:
      return reader.u8();
    case tags.SMALL_ATOM_UTF8_EXT:
      return d.known?.atom(reader, reader.u8()) ?? new Atom(reader.utf8(reader.u8()));
    case tags.ATOM_CACHE_REF:
      return new Atom(readCachedName(reader, d.atomCache));
    case tags.NEW_PID_EXT:
      return readPidAfter(tag, reader, d.atomCache, d.known)!;
    case tags.NEWER_REFERENCE_EXT:
      return readReferenceAfter(tag, reader, d.atomCache, d.known)!;
    case tags.SMALL_TUPLE_EXT:
      return readTuple(d, reader.u8(), depth + 1);
    case tags.LARGE_TUPLE_EXT:
      return readTuple(d, reader.u32(), depth + 1);
    case tags.NIL_EXT:
      return [];
    case tags.STRING_EXT:
      return appendString(d, []);
    case tags.LIST_EXT:
      return readList(d, depth + 1);
    case tags.BINARY_EXT:
      return reader.bytes(reader.u32());
    case tags.MAP_EXT:
      return readMap(d, depth + 1);
    case tags.BIT_BINARY_EXT:
      return readBitString(reader);
    case tags.NEW_FLOAT_EXT:
      return finite(reader.f64(), offset);
    case tags.FLOAT_EXT:
      return finite(parseFloatText(reader.latin1(31)), offset);
    case tags.EXPORT_EXT:
      return readExternalFun(d);
    case tags.NEW_FUN_EXT:
      return readOpaqueFun(d, depth + 1);
    default:
      return readScalar(d, tag, offset);
  }
}

/** The identifiers and numbers, each of which has several forms. */
function readScalar(d: Decoding, tag: number, offset: number): Term {
  const { reader, atomCache, known } = d;
  const name = readAtomNameAfter(tag, reader, atomCache);
  if (name !== undefined) return new Atom(name);
  const term =
    readPidAfter(tag, reader, atomCache, known) ??
    readReferenceAfter(tag, reader, atomCache, known) ??
    readIntegerAfter(tag, reader, d.maxBigIntBytes) ??
    readPortAfter(tag, reader, atomCache);
  if (term !== undefined) return term;
  throw new TermError('unknown_tag', `expected a term at byte ${offset}, got ${describe(tag)}`, {
    offset,
  });
}

function describe(tag: number): string {
  switch (tag) {
    case tags.COMPRESSED:
      return 'a compressed term (80)';
    case tags.LOCAL_EXT:
      return 'a node-private term (121)';
    case tags.FUN_EXT:
      return 'a fun of the form before R8 (117)';
    case tags.RECORD_EXT:
      return 'a native record (67)';
    default:
      return `tag ${tag}`;
  }
}

/** Enters a container of `count` terms at `depth`, each of which takes at least one byte. */
function enter(d: Decoding, count: number, depth: number): void {
  const { reader } = d;
  if (count > reader.remaining) {
    throw new TermError(
      'truncated',
      `expected ${count} terms at byte ${reader.offset}, got ${reader.remaining} bytes`,
      { offset: reader.offset },
    );
  }
  if (depth > d.maxDepth) {
    throw limitExceeded(reader, `at most ${d.maxDepth} nested terms`);
  }
  d.terms += count;
  if (d.terms > d.maxTerms) {
    throw limitExceeded(reader, `at most ${d.maxTerms} terms in a message`);
  }
}

function limitExceeded(reader: ByteReader, expected: string): TermError {
  return new TermError(
    'limit_exceeded',
    `expected ${expected}, got more at byte ${reader.offset}`,
    {
      offset: reader.offset,
    },
  );
}

function readTuple(d: Decoding, arity: number, depth: number): Tuple {
  enter(d, arity, depth);
  return new Tuple(readTerms(d, arity, depth));
}

/** The literals give small tuples, nearly all, an array of exactly their size. */
function readTerms(d: Decoding, count: number, depth: number): Term[] {
  switch (count) {
    case 0:
      return [];
    case 1:
      return [readTerm(d, depth)];
    case 2:
      return [readTerm(d, depth), readTerm(d, depth)];
    case 3:
      return [readTerm(d, depth), readTerm(d, depth), readTerm(d, depth)];
    case 4:
      return [readTerm(d, depth), readTerm(d, depth), readTerm(d, depth), readTerm(d, depth)];
    default: {
      const terms = new Array<Term>(count);
      for (let i = 0; i < count; i++) terms[i] = readTerm(d, depth);
      return terms;
    }
  }
}

/**
 * LIST_EXT: count:4, that many terms, and a tail. A tail that is a list continues this one, and
 * with a count of 0 the value is the tail; both are read in a loop, however long the chain is.
 */
function readList(d: Decoding, depth: number): Term {
  const { reader } = d;
  let count = reader.u32();
  enter(d, count, depth);
  const elements = readTerms(d, count, depth);
  for (;;) {
    switch (reader.peekU8()) {
      case tags.NIL_EXT:
        reader.skip(1);
        return elements;
      case tags.STRING_EXT:
        reader.skip(1);
        return appendString(d, elements);
      case tags.LIST_EXT:
        reader.skip(1);
        count = reader.u32();
        enter(d, count, depth);
        for (let i = 0; i < count; i++) elements.push(readTerm(d, depth));
        break;
      default: {
        const tail = readTerm(d, depth);
        return elements.length === 0 ? tail : new ImproperList(elements, tail);
      }
    }
  }
}

/** STRING_EXT: length:2, then bytes, each one integer of the list. */
function appendString(d: Decoding, elements: Term[]): Term[] {
  const count = d.reader.u16();
  enter(d, count, 0);
  const bytes = d.reader.bytes(count);
  for (let i = 0; i < count; i++) elements.push(bytes[i]!);
  return elements;
}

/** MAP_EXT: count:4, then that many pairs of key and value. */
function readMap(d: Decoding, depth: number): ErlangMap {
  const offset = d.reader.offset;
  const count = d.reader.u32();
  enter(d, count * 2, depth);
  const entries = new Array<readonly [Term, Term]>(count);
  for (let i = 0; i < count; i++) entries[i] = [readTerm(d, depth), readTerm(d, depth)];
  try {
    return new ErlangMap(entries);
  } catch (cause) {
    if (!(cause instanceof TermError)) throw cause;
    throw new TermError(cause.code, cause.message, { offset, cause });
  }
}

/** BIT_BINARY_EXT: length:4, bits used in the last byte:1 (1 to 8), bytes. */
function readBitString(reader: ByteReader): Uint8Array | BitString {
  const offset = reader.offset;
  const count = reader.u32();
  const bits = reader.u8();
  const isEmpty = count === 0;
  if (isEmpty !== (bits === 0) || bits > 8) {
    throw new TermError('invalid_term', `${count} bytes cannot end with ${bits} bits`, { offset });
  }
  const bytes = reader.bytes(count);
  if (isEmpty || bits === 8) return bytes;
  return new BitString(bytes, bits);
}

/** No sender can make NaN or an infinity a term; OTP closes on them. */
function finite(value: number, offset: number): Term {
  if (Number.isFinite(value)) return float(value);
  throw new TermError('invalid_term', `a float is finite, got ${value}`, { offset });
}

/** FLOAT_EXT: the output of C's `"%.20e"`, padded with zero bytes to 31. */
function parseFloatText(text: string): number {
  const match = /^([+-]?\d+\.\d+(?:[eE][+-]?\d+)?)\0*$/.exec(text);
  return match === null ? Number.NaN : Number(match[1]);
}

/** EXPORT_EXT: module atom, function atom, arity as an integer, which OTP writes as SMALL_INTEGER_EXT. */
function readExternalFun(d: Decoding): ExternalFun {
  const module = readAtomName(d.reader, d.atomCache);
  const name = readAtomName(d.reader, d.atomCache);
  const offset = d.reader.offset;
  const arity = readInteger(d);
  if (typeof arity === 'number' && arity >= 0 && arity <= 0xff) {
    return new ExternalFun(module, name, arity);
  }
  throw new TermError('invalid_term', `expected an arity from 0 to 255, got ${arity}`, { offset });
}

/**
 * NEW_FUN_EXT: size:4, arity:1, uniq:16, index:4, free:4, module atom, old index and old uniq as
 * integers, pid, then the free variables. The size is not looked at: releases since OTP 23 wrote
 * wrong ones.
 */
function readOpaqueFun(d: Decoding, depth: number): OpaqueFun {
  const { reader } = d;
  reader.u32();
  const arity = reader.u8();
  const uniq = reader.bytes(16);
  const index = reader.u32();
  const free = reader.u32();
  enter(d, free, depth);
  const module = readAtomName(reader, d.atomCache);
  const oldIndex = readInteger(d);
  const oldUniq = readInteger(d);
  const pid = readPid(d);
  const freeVariables = readTerms(d, free, depth);
  return new OpaqueFun({ arity, uniq, index, module, oldIndex, oldUniq, pid, freeVariables });
}

function readInteger({ reader, maxBigIntBytes }: Decoding): number | bigint {
  const offset = reader.offset;
  const tag = reader.u8();
  const value = readIntegerAfter(tag, reader, maxBigIntBytes);
  if (value !== undefined) return value;
  throw new TermError('invalid_term', `expected an integer, got tag ${tag}`, { offset });
}

function readPid({ reader, atomCache, known }: Decoding) {
  const offset = reader.offset;
  const tag = reader.u8();
  const pid = readPidAfter(tag, reader, atomCache, known);
  if (pid !== undefined) return pid;
  throw new TermError('invalid_term', `expected a pid, got tag ${tag}`, { offset });
}
