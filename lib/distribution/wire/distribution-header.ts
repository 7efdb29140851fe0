/**
 * The distribution header and the atom caches behind it.
 *
 * A header lists the atoms of one message; in the terms behind it ATOM_CACHE_REF (82) and a byte
 * stand for an atom of that list. An atom's text travels once per connection and direction: it is
 * put into one of 2048 slots, and later headers name the slot alone.
 *
 * ```
 *   header = n:1, flags (n = 0 ? 0 : n / 2 + 1 bytes), n × ref
 *   ref    = internalIndex:1                                 of an entry that is known
 *          | internalIndex:1, length:1 or 2, UTF-8 text      of a new entry
 * ```
 *
 * Half-byte i of the flags belongs to ref i, low nibble first: bit 3 marks a new entry, bits 0 to 2
 * are the slot's segment (slot = segment * 256 + internalIndex). One more half-byte, at index n,
 * holds in bit 0 whether lengths have 2 bytes.
 *
 * @see OTP "External Term Format", Distribution Header; source `external.c`,
 * `erts_encode_ext_dist_header_finalize`, `erts_prepare_dist_ext`
 */
import type { ByteReader } from '../bytes/reader.ts';
import type { ByteWriter } from '../bytes/writer.ts';
import { FrameError } from '../errors.ts';
import { MAX_ATOM_CHARACTERS } from '../terms/atom.ts';
import type { AtomSink } from '../terms/encode.ts';
import { ATOM_CACHE_REF } from '../terms/tags.ts';

/** Slots of a cache: 8 segments of 256. */
export const ATOM_CACHE_SLOTS = 2048;
/** Most atoms that one header can list; further ones go in full. */
export const MAX_HEADER_ATOMS = 255;

const NEW_ENTRY = 0b1000;
const SEGMENT = 0b0111;
const LONG_ATOMS = 0b0001;

const NO_ATOMS: readonly string[] = [];

/** Longer headers are rare, and each is read anew. */
const REPEATED_BYTES = 32;

/** Atoms that the peer has told us of, by slot. */
export class InboundAtomCache {
  readonly #slots: (string | undefined)[] = new Array(ATOM_CACHE_SLOTS);
  /** The last header, if it was short and entered nothing, and what it listed. */
  readonly #last = new Uint8Array(REPEATED_BYTES);
  #lastBytes = 0;
  #lastAtoms = NO_ATOMS;

  /**
   * Reads a header, from its count to its last ref, and enters what is new. Headers must be read
   * in the order of their arrival.
   *
   * @returns the atoms that ATOM_CACHE_REF means in this message
   * @throws {FrameError} `invalid_header`: an empty slot, or a text that is no atom
   * @throws {TermError} `truncated`, or `invalid_term` for a text that is not UTF-8
   */
  readHeader(reader: ByteReader): readonly string[] {
    // Most messages list what the one before them did.
    if (this.#isRepeated(reader)) {
      reader.skip(this.#lastBytes);
      return this.#lastAtoms;
    }
    const start = reader.offset;
    const count = reader.u8();
    if (count === 0) return NO_ATOMS;
    const flags = reader.offset;
    reader.skip((count >> 1) + 1);
    const lengthBytes = halfByte(reader, flags, count) & LONG_ATOMS ? 2 : 1;
    const atoms = new Array<string>(count);
    let hasNew = false;
    for (let i = 0; i < count; i += 1) {
      const half = halfByte(reader, flags, i);
      const slot = (half & SEGMENT) * 256 + reader.u8();
      if (half & NEW_ENTRY) {
        this.#slots[slot] = readText(reader, lengthBytes);
        hasNew = true;
      }
      atoms[i] = this.#slots[slot] ?? emptySlot(slot, reader.offset - 1);
    }
    this.#remember(reader.buffer, start, hasNew ? start : reader.offset);
    this.#lastAtoms = atoms;
    return atoms;
  }

  #isRepeated({ buffer, offset, remaining }: ByteReader): boolean {
    const last = this.#last;
    const bytes = this.#lastBytes;
    if (bytes === 0 || bytes > remaining) return false;
    for (let i = 0; i < bytes; i++) if (last[i] !== buffer[offset + i]) return false;
    return true;
  }

  #remember(buffer: Uint8Array, start: number, end: number): void {
    this.#lastBytes = end - start <= REPEATED_BYTES ? end - start : 0;
    for (let i = 0; i < this.#lastBytes; i++) this.#last[i] = buffer[start + i]!;
  }
}

/** @param flags where they begin */
function halfByte(reader: ByteReader, flags: number, index: number): number {
  const byte = reader.passed(flags + (index >> 1));
  return index & 1 ? byte >> 4 : byte & 0x0f;
}

function readText(reader: ByteReader, lengthBytes: 1 | 2): string {
  const offset = reader.offset;
  const text = reader.utf8(lengthBytes === 2 ? reader.u16() : reader.u8());
  if (text.length > MAX_ATOM_CHARACTERS && [...text].length > MAX_ATOM_CHARACTERS) {
    throw new FrameError(
      'invalid_header',
      `an atom has at most ${MAX_ATOM_CHARACTERS} characters, got ${[...text].length}`,
      { offset },
    );
  }
  return text;
}

function emptySlot(slot: number, offset: number): never {
  throw new FrameError(
    'invalid_header',
    `expected an atom in slot ${slot} of the cache, the slot is empty`,
    { offset },
  );
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Atoms that we have told the peer of, and those of the message being written.
 *
 * One message: any number of terms encoded with this as {@link AtomSink}, then either
 * {@link writeHeader} or, when the message will not be sent, {@link discard}. Headers must be sent
 * in the order in which they were written.
 */
export class OutboundAtomCache implements AtomSink {
  /** What the peer has in its slots, and the reverse. */
  readonly #names: (string | undefined)[] = new Array(ATOM_CACHE_SLOTS);
  readonly #slots = new Map<string, number>();
  /** The next slot to fill, and, once all are, to overwrite: the oldest entry goes first. */
  #nextSlot = 0;

  /** The message being written: its number, its refs in order, and which of them are new. */
  #message = 1;
  #count = 0;
  readonly #refs = new Uint16Array(MAX_HEADER_ATOMS);
  readonly #isNew = new Uint8Array(MAX_HEADER_ATOMS);
  #longAtoms = false;
  #hasNew = false;
  /** Whether its refs are those of the last message so far; how many that had, whether its header names no text. */
  #repeats = true;
  #lastCount = 0;
  #lastIsPlain = false;
  /** By slot: the last message that referred to it, and its index among that message's refs. */
  readonly #usedBy = new Float64Array(ATOM_CACHE_SLOTS);
  readonly #refIndex = new Uint8Array(ATOM_CACHE_SLOTS);

  writeAtom(writer: ByteWriter, name: string): boolean {
    const index = this.indexOf(name);
    if (index < 0) return false;
    writer.u8(ATOM_CACHE_REF);
    writer.u8(index);
    return true;
  }

  /** @returns where the header of this message lists the atom, or -1 if it cannot */
  indexOf(name: string): number {
    const count = this.#count;
    // Most messages list what the one before them did, and name their sender's node several times.
    if (this.#repeats && count < this.#lastCount) {
      const slot = this.#refs[count]!;
      if (this.#names[slot] === name) return this.#refer(slot, false);
    }
    if (count > 0 && this.#names[this.#refs[0]!] === name) return 0;
    const slot = this.#slots.get(name);
    if (slot !== undefined && this.#usedBy[slot] === this.#message) return this.#refIndex[slot]!;
    if (count === MAX_HEADER_ATOMS) return -1;
    this.#repeats = false;
    if (slot !== undefined) return this.#refer(slot, false);
    const bytes = Buffer.byteLength(name);
    if (!isCacheable(name, bytes)) return -1;
    if (bytes > 0xff) this.#longAtoms = true;
    this.#hasNew = true;
    return this.#refer(this.#enter(name), true);
  }

  /**
   * Ends the message without its header, if that is the same as the last one that was written.
   *
   * @returns whether it is
   */
  repeatHeader(): boolean {
    if (!this.#repeats || !this.#lastIsPlain || this.#count !== this.#lastCount) return false;
    this.#endMessage();
    return true;
  }

  /** Writes the header of the message, from its count to its last ref, and ends the message. */
  writeHeader(writer: ByteWriter): void {
    const count = this.#count;
    writer.u8(count);
    if (count > 0) {
      this.#writeFlags(writer, count);
      for (let i = 0; i < count; i += 1) {
        const slot = this.#refs[i]!;
        writer.u8(slot & 0xff);
        if (this.#isNew[i] === 1) this.#writeText(writer, this.#names[slot]!);
      }
    }
    this.#endMessage();
  }

  /** Forgets the message being written: the peer will not learn its new atoms. */
  discard(): void {
    for (let i = 0; i < this.#count; i += 1) {
      if (this.#isNew[i] === 1) this.#free(this.#refs[i]!);
    }
    this.#endMessage();
    this.#lastIsPlain = false;
  }

  #writeFlags(writer: ByteWriter, count: number): void {
    for (let i = 0; i <= count; i += 2) {
      writer.u8(this.#flag(i, count) | (this.#flag(i + 1, count) << 4));
    }
  }

  /** The half-byte at `index`; behind the refs the one on lengths, then at most padding. */
  #flag(index: number, count: number): number {
    if (index > count) return 0;
    if (index === count) return this.#longAtoms ? LONG_ATOMS : 0;
    return (this.#refs[index]! >> 8) | (this.#isNew[index] === 1 ? NEW_ENTRY : 0);
  }

  #writeText(writer: ByteWriter, name: string): void {
    const at = writer.length;
    if (this.#longAtoms) writer.u16(0);
    else writer.u8(0);
    const bytes = writer.utf8(name);
    if (this.#longAtoms) writer.patchU16(at, bytes);
    else writer.patchU8(at, bytes);
  }

  /** Adds a ref to the message and returns its index. */
  #refer(slot: number, isNew: boolean): number {
    const index = this.#count++;
    this.#refs[index] = slot;
    this.#isNew[index] = isNew ? 1 : 0;
    this.#usedBy[slot] = this.#message;
    this.#refIndex[slot] = index;
    return index;
  }

  /** Gives `name` a slot that this message does not use; there are always some, since refs are fewer. */
  #enter(name: string): number {
    let slot = this.#nextSlot;
    while (this.#usedBy[slot] === this.#message) slot = (slot + 1) % ATOM_CACHE_SLOTS;
    this.#nextSlot = (slot + 1) % ATOM_CACHE_SLOTS;
    this.#free(slot);
    this.#names[slot] = name;
    this.#slots.set(name, slot);
    return slot;
  }

  #free(slot: number): void {
    const name = this.#names[slot];
    if (name === undefined) return;
    this.#slots.delete(name);
    this.#names[slot] = undefined;
  }

  #endMessage(): void {
    this.#message += 1;
    this.#lastCount = this.#count;
    this.#lastIsPlain = !this.#hasNew;
    this.#repeats = true;
    this.#hasNew = false;
    this.#count = 0;
    this.#longAtoms = false;
  }
}

/** Whether `name` is an atom at all; what is not, the term encoder refuses in its own words. */
function isCacheable(name: string, bytes: number): boolean {
  if (bytes === name.length) return bytes <= MAX_ATOM_CHARACTERS;
  return [...name].length <= MAX_ATOM_CHARACTERS && !LONE_SURROGATE.test(name);
}
