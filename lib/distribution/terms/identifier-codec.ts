/**
 * Pids, references and ports: written in the forms that carry a 32-bit creation, read in these and
 * in all older ones.
 */
import type { ByteReader } from '../bytes/reader.ts';
import type { ByteWriter } from '../bytes/writer.ts';
import { TermError } from '../errors.ts';
import { type AtomSink, readAtomName, writeAtomName } from './atom-codec.ts';
import type { IdentifierCache } from './identifier-cache.ts';
import { Pid } from './pid.ts';
import { Port } from './port.ts';
import { Reference } from './reference.ts';
import {
  MAX_REFERENCE_WORDS,
  NEW_PID_EXT,
  NEW_PORT_EXT,
  NEW_REFERENCE_EXT,
  NEWER_REFERENCE_EXT,
  PID_EXT,
  PORT_EXT,
  REFERENCE_EXT,
  V4_PORT_EXT,
} from './tags.ts';

/** NEW_PORT_EXT has room for 32 bits, of which only 28 count. */
const MAX_NEW_PORT_ID = 0xfffffffn;

type Atoms = AtomSink | undefined;
type AtomCache = readonly string[] | undefined;

function writeNode(writer: ByteWriter, node: string, atoms: Atoms): void {
  if (atoms === undefined || !atoms.writeAtom(writer, node)) writeAtomName(writer, node);
}

/** NEW_PID_EXT (88): node atom, id:4, serial:4, creation:4. */
export function writePid(writer: ByteWriter, pid: Pid, atoms: Atoms): void {
  writer.u8(NEW_PID_EXT);
  writeNode(writer, pid.node, atoms);
  writer.u32(pid.id);
  writer.u32(pid.serial);
  writer.u32(pid.creation);
}

/** NEWER_REFERENCE_EXT (90): words:2, node atom, creation:4, then the words, 4 bytes each. */
export function writeReference(writer: ByteWriter, ref: Reference, atoms: Atoms): void {
  const { words } = ref;
  if (words.length < 1 || words.length > MAX_REFERENCE_WORDS) {
    throw new TermError(
      'unencodable',
      `a reference has 1 to ${MAX_REFERENCE_WORDS} words, got ${words.length}`,
    );
  }
  writer.u8(NEWER_REFERENCE_EXT);
  writer.u16(words.length);
  writeNode(writer, ref.node, atoms);
  writer.u32(ref.creation);
  for (let i = 0; i < words.length; i++) writer.u32(words[i]!);
}

/**
 * Like OTP, NEW_PORT_EXT (89) node atom, id:4, creation:4 for an id of up to 28 bits, else
 * V4_PORT_EXT (120) with id:8. Source: OTP 25 writes them so, fixture `otp-25/terms.json`.
 */
export function writePort(writer: ByteWriter, port: Port, atoms: Atoms): void {
  const isShort = port.id <= MAX_NEW_PORT_ID;
  writer.u8(isShort ? NEW_PORT_EXT : V4_PORT_EXT);
  writeNode(writer, port.node, atoms);
  if (isShort) writer.u32(Number(port.id));
  else writer.u64(port.id);
  writer.u32(port.creation);
}

/** Reads a pid after its tag; `undefined`, with nothing read, when `tag` is no pid's. */
export function readPidAfter(
  tag: number,
  reader: ByteReader,
  cache: AtomCache,
  known?: IdentifierCache,
): Pid | undefined {
  if (tag !== NEW_PID_EXT && tag !== PID_EXT) return undefined;
  const node = readAtomName(reader, cache);
  const id = reader.u32();
  const serial = reader.u32();
  const creation = tag === NEW_PID_EXT ? reader.u32() : reader.u8();
  if (known !== undefined) return known.pid(node, id, serial, creation);
  return new Pid(node, id, serial, creation);
}

/** As {@link readPidAfter} for references. */
export function readReferenceAfter(
  tag: number,
  reader: ByteReader,
  cache: AtomCache,
  known?: IdentifierCache,
): Reference | undefined {
  switch (tag) {
    case NEWER_REFERENCE_EXT:
    case NEW_REFERENCE_EXT:
      return readWords(tag, reader, cache, known);
    case REFERENCE_EXT: {
      const node = readAtomName(reader, cache);
      const word = reader.u32();
      return new Reference(node, reader.u8(), [word]);
    }
    default:
      return undefined;
  }
}

function readWords(
  tag: number,
  reader: ByteReader,
  cache: AtomCache,
  known?: IdentifierCache,
): Reference {
  const offset = reader.offset;
  const count = reader.u16();
  if (count < 1 || count > MAX_REFERENCE_WORDS) {
    throw new TermError(
      'invalid_term',
      `a reference has 1 to ${MAX_REFERENCE_WORDS} words, got ${count}`,
      { offset },
    );
  }
  const node = readAtomName(reader, cache);
  const creation = tag === NEWER_REFERENCE_EXT ? reader.u32() : reader.u8();
  if (count === 3) {
    const [a, b, c] = [reader.u32(), reader.u32(), reader.u32()];
    if (known !== undefined) return known.reference(node, creation, a, b, c);
    return new Reference(node, creation, [a, b, c]);
  }
  const words: number[] = [];
  for (let i = 0; i < count; i++) words.push(reader.u32());
  return new Reference(node, creation, words);
}

/** As {@link readPidAfter} for ports. */
export function readPortAfter(tag: number, reader: ByteReader, cache: AtomCache): Port | undefined {
  if (tag !== V4_PORT_EXT && tag !== NEW_PORT_EXT && tag !== PORT_EXT) return undefined;
  const node = readAtomName(reader, cache);
  const id = tag === V4_PORT_EXT ? reader.u64() : BigInt(reader.u32());
  return new Port(node, id, tag === PORT_EXT ? reader.u8() : reader.u32());
}
