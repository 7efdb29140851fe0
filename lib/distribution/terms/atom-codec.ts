import type { ByteReader } from '../bytes/reader.ts';
import type { ByteWriter } from '../bytes/writer.ts';
import { TermError } from '../errors.ts';
import { MAX_ATOM_CHARACTERS } from './atom.ts';
import {
  ATOM_CACHE_REF,
  ATOM_EXT,
  ATOM_UTF8_EXT,
  SMALL_ATOM_EXT,
  SMALL_ATOM_UTF8_EXT,
} from './tags.ts';

/** Bytes of the longest atom: every character four bytes of UTF-8. */
const MAX_ATOM_BYTES = MAX_ATOM_CHARACTERS * 4;

/** A text of so many UTF-16 units has a length of one byte in UTF-8, where each takes three bytes at most. */
const ALWAYS_SMALL = 85;

/** Lets the wire layer replace an atom by a reference into its cache. */
export interface AtomSink {
  /** @returns whether it wrote the atom; otherwise nothing was written and the atom goes in full */
  writeAtom(writer: ByteWriter, name: string): boolean;
}

/**
 * Writes an atom in full: SMALL_ATOM_UTF8_EXT (119) length:1 text, or from 256 bytes on
 * ATOM_UTF8_EXT (118) length:2 text.
 *
 * @throws {TermError} `unencodable` beyond {@link MAX_ATOM_CHARACTERS} characters
 */
export function writeAtomName(writer: ByteWriter, name: string): void {
  if (name.length > MAX_ATOM_CHARACTERS) checkCharacters(name, 'unencodable');
  // Known before anything is written: the writer cannot go back behind a large binary that it only refers to.
  if (name.length > ALWAYS_SMALL && Buffer.byteLength(name) > 0xff) {
    writer.u8(ATOM_UTF8_EXT);
    writer.u16(Buffer.byteLength(name));
    writer.utf8(name);
    return;
  }
  writer.u8(SMALL_ATOM_UTF8_EXT);
  const at = writer.length;
  writer.u8(0);
  writer.patchU8(at, writer.utf8(name));
}

/**
 * Reads the name of the atom that must stand here, in any of its forms.
 *
 * @throws {TermError} `invalid_term` when something else stands here
 */
export function readAtomName(reader: ByteReader, cache: readonly string[] | undefined): string {
  const offset = reader.offset;
  const tag = reader.u8();
  const name = readAtomNameAfter(tag, reader, cache);
  if (name !== undefined) return name;
  throw new TermError('invalid_term', `expected an atom at byte ${offset}, got tag ${tag}`, {
    offset,
  });
}

/** As {@link readAtomName} after its tag; `undefined`, with nothing read, when `tag` is no atom's. */
export function readAtomNameAfter(
  tag: number,
  reader: ByteReader,
  cache: readonly string[] | undefined,
): string | undefined {
  switch (tag) {
    case SMALL_ATOM_UTF8_EXT:
      return reader.utf8(reader.u8());
    case ATOM_CACHE_REF:
      return readCachedName(reader, cache);
    case ATOM_UTF8_EXT:
      return readLongName(reader);
    case SMALL_ATOM_EXT:
      return reader.latin1(reader.u8());
    case ATOM_EXT:
      return readLatin1Name(reader);
    default:
      return undefined;
  }
}

/** The name that ATOM_CACHE_REF (82) stands for, after its tag. @throws {TermError} `invalid_term` */
export function readCachedName(reader: ByteReader, cache: readonly string[] | undefined): string {
  const offset = reader.offset;
  const index = reader.u8();
  const name = cache?.[index];
  if (name !== undefined) return name;
  throw new TermError(
    'invalid_term',
    `expected an index below ${cache?.length ?? 0} into the header's atoms, got ${index}`,
    { offset },
  );
}

function readLongName(reader: ByteReader): string {
  const offset = reader.offset;
  const count = reader.u16();
  checkLength(count, MAX_ATOM_BYTES, offset);
  const name = reader.utf8(count);
  if (count > MAX_ATOM_CHARACTERS) checkCharacters(name, 'invalid_term', offset);
  return name;
}

function readLatin1Name(reader: ByteReader): string {
  const offset = reader.offset;
  const count = reader.u16();
  checkLength(count, MAX_ATOM_CHARACTERS, offset);
  return reader.latin1(count);
}

function checkLength(count: number, max: number, offset: number): void {
  if (count <= max) return;
  throw new TermError('invalid_term', `an atom has at most ${max} bytes, got ${count}`, { offset });
}

function checkCharacters(
  name: string,
  code: 'invalid_term' | 'unencodable',
  offset?: number,
): void {
  let characters = name.length;
  if (characters <= MAX_ATOM_CHARACTERS) return;
  for (const character of name) if (character.length === 2) characters--;
  if (characters <= MAX_ATOM_CHARACTERS) return;
  throw new TermError(
    code,
    `an atom has at most ${MAX_ATOM_CHARACTERS} characters, got ${characters}`,
    offset === undefined ? {} : { offset },
  );
}
