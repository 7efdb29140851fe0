/**
 * Layer 1: a growing big-endian buffer whose length fields can be filled in afterwards.
 *
 * Numbers outside the field they are written to are refused, never cut: a pid or a length that
 * silently lost its high bits would reach the wrong process or end the connection.
 */
import { TermError } from '../errors.ts';

const DEFAULT_CAPACITY = 256;

/** `take()` copies up to this many bytes and keeps its buffer, beyond it hands the buffer over. */
const COPY_LIMIT = 2048;

/** A buffer that grew beyond this with one large message is not kept for the small ones to come. */
const KEEP_LIMIT = 64 * 1024;

/** Up to this length a string is written here; beyond it the call into the runtime pays off. */
const SHORT_STRING = 32;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Bytes of somebody else that belong behind the first `at` of our own. */
interface Reference {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export class ByteWriter {
  readonly #initialCapacity: number;
  #bytes: Buffer;
  #length = 0;
  #referFrom = Number.POSITIVE_INFINITY;
  #references: Reference[] | undefined;
  #referredBytes = 0;

  constructor(initialCapacity: number = DEFAULT_CAPACITY) {
    this.#initialCapacity = initialCapacity;
    this.#bytes = Buffer.allocUnsafe(initialCapacity);
  }

  /** Number of bytes written so far, without those referred to: where the next one goes. */
  get length(): number {
    return this.#length;
  }

  /** Number of bytes that were not copied, see {@link segments}. */
  get referredBytes(): number {
    return this.#referredBytes;
  }

  /** @throws {TermError} `unencodable` when `value` does not fit, as every number here */
  u8(value: number): void {
    if ((value & 0xff) !== value) throw doesNotFit(value, 'an unsigned 8-bit number');
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    if ((value & 0xffff) !== value) throw doesNotFit(value, 'an unsigned 16-bit number');
    const at = this.#reserve(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  u32(value: number): void {
    if (value >>> 0 !== value) throw doesNotFit(value, 'an unsigned 32-bit number');
    this.#put32(this.#reserve(4), value);
  }

  i32(value: number): void {
    if ((value | 0) !== value) throw doesNotFit(value, 'a signed 32-bit number');
    this.#put32(this.#reserve(4), value);
  }

  u64(value: bigint): void {
    if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value) {
      throw doesNotFit(value, 'an unsigned 64-bit bigint');
    }
    const at = this.#reserve(8);
    this.#put32(at, Number(value >> 32n));
    this.#put32(at + 4, Number(value & 0xffffffffn));
  }

  /** An IEEE 754 double, whatever its value. */
  f64(value: number): void {
    const at = this.#reserve(8);
    this.#bytes.writeDoubleBE(value, at);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** From now on {@link binary} refers to what has `bytes` or more, in place of a copy. */
  referFrom(bytes: number): void {
    this.#referFrom = bytes;
  }

  /** As {@link bytes}, but large ones may be referred to, and must not change any more then. */
  binary(bytes: Uint8Array): void {
    if (bytes.length < this.#referFrom) {
      this.bytes(bytes);
      return;
    }
    this.#references ??= [];
    this.#references.push({ at: this.#length, bytes });
    this.#referredBytes += bytes.length;
  }

  /**
   * All from `start` on in order, what is referred to in its place. Views, valid until this writer is written to
   * again.
   */
  segments(start: number): Uint8Array[] {
    this.#checkWritten(start, 0);
    const segments: Uint8Array[] = [];
    let from = start;
    for (const { at, bytes } of this.#references ?? []) {
      if (at > from) segments.push(this.#bytes.subarray(from, at));
      segments.push(bytes);
      from = at;
    }
    if (this.#length > from) segments.push(this.#bytes.subarray(from, this.#length));
    return segments;
  }

  /**
   * @returns how many bytes the text took
   * @throws {TermError} `unencodable` when a surrogate stands alone, for which UTF-8 has no form
   */
  utf8(text: string): number {
    if (text.length <= SHORT_STRING && this.#tryAscii(text)) return text.length;
    const count = Buffer.byteLength(text);
    if (count !== text.length && LONE_SURROGATE.test(text)) {
      throw new TermError('unencodable', 'expected well-formed Unicode, got a lone surrogate');
    }
    const at = this.#reserve(count);
    this.#bytes.write(text, at, 'utf8');
    return count;
  }

  /** @throws {TermError} `unencodable` when a character is not ASCII */
  ascii(text: string): void {
    if (!this.#tryAscii(text)) {
      throw new TermError('unencodable', `expected ASCII text, got ${JSON.stringify(text)}`);
    }
  }

  /** Overwrites a byte written before. */
  patchU8(at: number, value: number): void {
    if ((value & 0xff) !== value) throw doesNotFit(value, 'an unsigned 8-bit number');
    this.#checkWritten(at, 1);
    this.#bytes[at] = value;
  }

  /** Overwrites two bytes written before. */
  patchU16(at: number, value: number): void {
    if ((value & 0xffff) !== value) throw doesNotFit(value, 'an unsigned 16-bit number');
    this.#checkWritten(at, 2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  /** Overwrites four bytes written before: `u32(0)`, the body, then its length. */
  patchU32(at: number, value: number): void {
    if (value >>> 0 !== value) throw doesNotFit(value, 'an unsigned 32-bit number');
    this.#checkWritten(at, 4);
    this.#put32(at, value);
  }

  /** Leaves room for `count` bytes, which hold anything until {@link place} fills them. */
  skip(count: number): void {
    this.#reserve(count);
  }

  /**
   * Puts all of `head` before what was written since {@link skip} left `room` bytes at `at`, and moves
   * that where the room does not fit.
   */
  place(at: number, room: number, head: ByteWriter): void {
    this.#checkWritten(at, room);
    const end = this.#length;
    const bytes = head.#length;
    if (bytes !== room) {
      if (bytes > room) this.#reserve(bytes - room);
      this.#bytes.copyWithin(at + bytes, at + room, end);
      this.#length = end + bytes - room;
    }
    // A loop, because heads are short and a call into the runtime would need a view of each.
    for (let i = 0; i < bytes; i++) this.#bytes[at + i] = head.#bytes[i]!;
  }

  /** Room for `count` bytes, which the caller puts into {@link buffer} himself. @returns where they go */
  claim(count: number): number {
    return this.#reserve(count);
  }

  /** What is written to, until the next call that appends: for what was {@link claim}ed, and no more. */
  get buffer(): Uint8Array {
    return this.#bytes;
  }

  /** Cuts off everything from `at` on and returns a copy of it. */
  cut(at: number): Uint8Array {
    this.#checkWritten(at, 0);
    const copy = Buffer.allocUnsafe(this.#length - at);
    this.#bytes.copy(copy, 0, at, this.#length);
    this.#length = at;
    return copy;
  }

  /**
   * Forgets everything from `length` on, and what is referred to from there on, also what was so just before
   * `length` was reached: the way back when something could not be written.
   */
  truncate(length: number): void {
    if (!(length >= 0 && length <= this.#length)) {
      throw new RangeError(`cannot cut ${this.#length} bytes to ${length}`);
    }
    this.#length = length;
    if (this.#referredBytes > 0) this.#forgetReferences(length);
  }

  #forgetReferences(from: number): void {
    this.#references = this.#references?.filter(({ at }) => at < from);
    this.#referredBytes = 0;
    for (const { bytes } of this.#references ?? []) this.#referredBytes += bytes.length;
  }

  /** What was written, without a copy: valid until the next call on this writer. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Hands the bytes over to the caller; the writer starts anew, empty. */
  take(): Uint8Array {
    const length = this.#length;
    const bytes = this.#bytes;
    this.#length = 0;
    if (length <= COPY_LIMIT) {
      const copy = Buffer.allocUnsafe(length);
      bytes.copy(copy, 0, 0, length);
      this.#shrink();
      return copy;
    }
    this.#bytes = Buffer.allocUnsafe(this.#initialCapacity);
    return bytes.subarray(0, length);
  }

  /** Forgets everything; what was handed out as a {@link view} may be overwritten. */
  clear(): void {
    this.#length = 0;
    this.#shrink();
  }

  /** As {@link clear}, and leaves the buffer to whoever has its {@link view}. */
  handOver(): void {
    this.#length = 0;
    this.#bytes = Buffer.allocUnsafe(this.#initialCapacity);
  }

  #shrink(): void {
    if (this.#bytes.length > KEEP_LIMIT) this.#bytes = Buffer.allocUnsafe(this.#initialCapacity);
  }

  /** Makes room for `count` bytes and returns where they go. */
  #reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#length = needed;
    return at;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  #put32(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  /** Writes `text` if it is ASCII, else leaves the writer as it was. */
  #tryAscii(text: string): boolean {
    const count = text.length;
    const at = this.#reserve(count);
    const bytes = this.#bytes;
    for (let i = 0; i < count; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.#length = at;
        return false;
      }
      bytes[at + i] = code;
    }
    return true;
  }

  #checkWritten(at: number, count: number): void {
    if (!(at >= 0 && at + count <= this.#length)) {
      throw new RangeError(`bytes ${at}..${at + count} were not written yet`);
    }
  }
}

function doesNotFit(value: unknown, expected: string): TermError {
  return new TermError('unencodable', `expected ${expected}, got ${String(value)}`);
}
