/**
 * Terms to bytes: the external term format, in the forms that OTP 25 and later write themselves.
 *
 * Pure. A value that is no term is refused with a {@link TermError} `unencodable` that says what was
 * given and where in the term it stood; nested deeper than {@link MAX_TERM_DEPTH} it is
 * `limit_exceeded`. After an error the writer holds what it held before.
 *
 * @see OTP "External Term Format"; `erts/emulator/beam/external.c`, enc_term
 */
import { ByteWriter } from '../bytes/writer.ts';
import { TermError } from '../errors.ts';
import { Atom } from './atom.ts';
import { type AtomSink, writeAtomName } from './atom-codec.ts';
import { ErlangMap } from './erlang-map.ts';
import { writePid, writePort, writeReference } from './identifier-codec.ts';
import { writeInteger } from './integer-codec.ts';
import { MAX_TERM_DEPTH } from './limits.ts';
import { Pid } from './pid.ts';
import { Port } from './port.ts';
import { Reference } from './reference.ts';
import * as tags from './tags.ts';
import {
  BitString,
  ExternalFun,
  Float,
  ImproperList,
  OpaqueFun,
  type Term,
  Tuple,
} from './term.ts';
import { describeValue, locate } from './unencodable.ts';

export type { AtomSink } from './atom-codec.ts';

type Atoms = AtomSink | undefined;

/**
 * Appends a term to `writer`, without a version byte.
 *
 * @param atoms may write an atom in another form than its full text
 * @throws {TermError} `unencodable` or `limit_exceeded`
 */
export function encodeTerm(writer: ByteWriter, term: Term, atoms?: AtomSink): void {
  encodeNested(writer, term, atoms, 0);
}

/**
 * As {@link encodeTerm}, for a term that stands inside one whose beginning is written already.
 *
 * @param depth how many terms it is nested in
 */
export function encodeNested(writer: ByteWriter, term: Term, atoms: Atoms, depth: number): void {
  const start = writer.length;
  try {
    write(writer, term, atoms, depth);
  } catch (error) {
    writer.truncate(start);
    if (!(error instanceof NotATerm)) throw error;
    throw new TermError(
      'unencodable',
      `expected ${error.expected}${locate(term, error.value)}, got ${describeValue(error.value)}`,
    );
  }
}

/** Encodes as `term_to_binary/1`: the version byte 131 and the term. */
export function encodeExternal(term: Term): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(tags.VERSION_MAGIC);
  encodeTerm(writer, term);
  return writer.take();
}

/** A term that was encoded beforehand, to be written many times. It refers to no atom cache. */
export class EncodedTerm {
  /** without the version byte */
  readonly bytes: Uint8Array;

  /** @throws {TermError} `unencodable` or `limit_exceeded` */
  constructor(term: Term) {
    const writer = new ByteWriter();
    encodeTerm(writer, term);
    this.bytes = writer.take();
  }
}

/** Carries the value that could not be written to where the whole term is known. */
class NotATerm extends Error {
  readonly value: unknown;
  readonly expected: string;

  constructor(value: unknown, expected: string) {
    super(expected);
    this.value = value;
    this.expected = expected;
  }
}

function write(writer: ByteWriter, term: Term, atoms: Atoms, depth: number): void {
  if (typeof term === 'number') writeNumber(writer, term);
  else if (term instanceof Atom) writeAtom(writer, term.name, atoms);
  else if (term instanceof Tuple) writeTuple(writer, term.elements, atoms, depth + 1);
  else if (term instanceof Pid) writePid(writer, term, atoms);
  else if (term instanceof Reference) writeReference(writer, term, atoms);
  else if (Array.isArray(term)) writeList(writer, term, atoms, depth + 1);
  else if (term instanceof Uint8Array) writeBinary(writer, term);
  else if (typeof term === 'bigint') writeInteger(writer, term);
  else if (term instanceof ErlangMap) writeMap(writer, term, atoms, depth + 1);
  else if (term instanceof ImproperList) writeImproperList(writer, term, atoms, depth + 1);
  else if (term instanceof Float) writeFloat(writer, term.value);
  else if (term instanceof BitString) writeBitString(writer, term);
  else if (term instanceof Port) writePort(writer, term, atoms);
  else if (term instanceof ExternalFun) writeExternalFun(writer, term, atoms);
  else if (term instanceof OpaqueFun) writeOpaqueFun(writer, term, atoms, depth + 1);
  else throw new NotATerm(term, 'a term');
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value)) writeInteger(writer, value);
  else if (!Number.isInteger(value)) writeFloat(writer, value);
  // 2 ** 60 may be meant as an integer or as a float, and may have lost digits already.
  else throw new NotATerm(value, 'a bigint or a Float for a whole number beyond 2^53');
}

function writeFloat(writer: ByteWriter, value: number): void {
  if (!Number.isFinite(value)) throw new NotATerm(value, 'a finite number');
  writer.u8(tags.NEW_FLOAT_EXT);
  writer.f64(value);
}

function writeAtom(writer: ByteWriter, name: string, atoms: Atoms): void {
  if (atoms === undefined || !atoms.writeAtom(writer, name)) writeAtomName(writer, name);
}

function checkDepth(depth: number): void {
  if (depth > MAX_TERM_DEPTH) {
    throw new TermError('limit_exceeded', `expected at most ${MAX_TERM_DEPTH} nested terms`);
  }
}

function writeTuple(
  writer: ByteWriter,
  elements: readonly Term[],
  atoms: Atoms,
  depth: number,
): void {
  checkDepth(depth);
  const arity = elements.length;
  if (arity <= 0xff) {
    writer.u8(tags.SMALL_TUPLE_EXT);
    writer.u8(arity);
  } else {
    writer.u8(tags.LARGE_TUPLE_EXT);
    writer.u32(arity);
  }
  writeAll(writer, elements, atoms, depth);
}

function writeAll(writer: ByteWriter, terms: readonly Term[], atoms: Atoms, depth: number): void {
  for (let i = 0; i < terms.length; i++) write(writer, terms[i]!, atoms, depth);
}

/** A list of bytes goes as STRING_EXT while its length fits, as OTP does. */
function writeList(
  writer: ByteWriter,
  elements: readonly Term[],
  atoms: Atoms,
  depth: number,
): void {
  if (elements.length === 0) {
    writer.u8(tags.NIL_EXT);
  } else if (isString(elements)) {
    writer.u8(tags.STRING_EXT);
    writer.u16(elements.length);
    for (let i = 0; i < elements.length; i++) writer.u8(elements[i]! & 0xff);
  } else {
    checkDepth(depth);
    writer.u8(tags.LIST_EXT);
    writer.u32(elements.length);
    writeAll(writer, elements, atoms, depth);
    writer.u8(tags.NIL_EXT);
  }
}

function isString(elements: readonly Term[]): elements is readonly number[] {
  if (elements.length > tags.MAX_STRING_LENGTH) return false;
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i];
    if (typeof element !== 'number' || (element & 0xff) !== element) return false;
  }
  return true;
}

function writeImproperList(
  writer: ByteWriter,
  list: ImproperList,
  atoms: Atoms,
  depth: number,
): void {
  checkDepth(depth);
  writer.u8(tags.LIST_EXT);
  writer.u32(list.elements.length);
  writeAll(writer, list.elements, atoms, depth);
  write(writer, list.tail, atoms, depth);
}

function writeBinary(writer: ByteWriter, bytes: Uint8Array): void {
  writer.u8(tags.BINARY_EXT);
  writer.u32(bytes.length);
  writer.binary(bytes);
}

/** The unused bits of the last byte are sent as zeros. */
function writeBitString(writer: ByteWriter, { bytes, bits }: BitString): void {
  const last = bytes.length - 1;
  writer.u8(tags.BIT_BINARY_EXT);
  writer.u32(bytes.length);
  writer.u8(bits);
  writer.bytes(bytes);
  writer.patchU8(writer.length - 1, bytes[last]! & (0xff00 >> bits) & 0xff);
}

function writeMap(writer: ByteWriter, map: ErlangMap, atoms: Atoms, depth: number): void {
  checkDepth(depth);
  const { entries } = map;
  writer.u8(tags.MAP_EXT);
  writer.u32(entries.length);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    write(writer, entry[0], atoms, depth);
    write(writer, entry[1], atoms, depth);
  }
}

function writeExternalFun(writer: ByteWriter, fun: ExternalFun, atoms: Atoms): void {
  writer.u8(tags.EXPORT_EXT);
  writeAtom(writer, fun.module, atoms);
  writeAtom(writer, fun.function, atoms);
  writer.u8(tags.SMALL_INTEGER_EXT);
  writer.u8(fun.arity);
}

/** The size counts itself and everything behind it. */
function writeOpaqueFun(
  writer: ByteWriter,
  { parts }: OpaqueFun,
  atoms: Atoms,
  depth: number,
): void {
  checkDepth(depth);
  if (parts.uniq.length !== 16) throw new NotATerm(parts.uniq, 'the 16 bytes of a closure');
  writer.u8(tags.NEW_FUN_EXT);
  const start = writer.length;
  const referred = writer.referredBytes;
  writer.u32(0);
  writer.u8(parts.arity);
  writer.bytes(parts.uniq);
  writer.u32(parts.index);
  writer.u32(parts.freeVariables.length);
  writeAtom(writer, parts.module, atoms);
  writeInteger(writer, parts.oldIndex);
  writeInteger(writer, parts.oldUniq);
  writePid(writer, parts.pid, atoms);
  writeAll(writer, parts.freeVariables, atoms, depth);
  writer.patchU32(start, writer.length - start + writer.referredBytes - referred);
}
