/**
 * Layer 1: a bounds-checked big-endian cursor over bytes somebody else owns.
 *
 * It never copies: {@link ByteReader.bytes} returns views onto the input, so whoever keeps such a
 * view keeps the whole input alive. Strings are copies. Reading past the end never moves the cursor.
 */
import { TermError } from '../errors.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Up to this length a string is put together here; beyond it the call into the runtime pays off. */
const SHORT_STRING = 12;

/** Reads integers, floats and strings from `bytes`, from `offset` (default 0) up to `end`. */
export class ByteReader {
  #bytes: Uint8Array;
  #end: number;
  #at: number;

  /** @throws {RangeError} when `offset` and `end` are not a range of `bytes` */
  constructor(bytes: Uint8Array, offset = 0, end: number = bytes.length) {
    if (!(offset >= 0 && offset <= end && end <= bytes.length)) {
      throw new RangeError(`${offset}..${end} is no range of ${bytes.length} bytes`);
    }
    this.#bytes = bytes;
    this.#end = end;
    this.#at = offset;
  }

  /**
   * Goes on with other bytes, so that one reader serves for many messages.
   *
   * @throws {RangeError} as the constructor does
   */
  reset(bytes: Uint8Array, offset: number, end: number): void {
    if (!(offset >= 0 && offset <= end && end <= bytes.length)) {
      throw new RangeError(`${offset}..${end} is no range of ${bytes.length} bytes`);
    }
    this.#bytes = bytes;
    this.#end = end;
    this.#at = offset;
  }

  /** Goes back to an earlier {@link offset}. */
  rewind(offset: number): void {
    if (!(offset >= 0 && offset <= this.#at)) {
      throw new RangeError(`cannot go back from ${this.#at} to ${offset}`);
    }
    this.#at = offset;
  }

  /** The byte at an {@link offset} that lies behind the cursor. */
  passed(offset: number): number {
    if (!(offset >= 0 && offset < this.#at)) {
      throw new RangeError(`byte ${offset} does not lie before ${this.#at}`);
    }
    return this.#bytes[offset]!;
  }

  /** Index of the next byte, counted from the start of the bytes given to the constructor. */
  get offset(): number {
    return this.#at;
  }

  /** What is read from: for who checks {@link remaining} and reads at {@link offset} himself. */
  get buffer(): Uint8Array {
    return this.#bytes;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  /** @throws {TermError} `truncated`, as every other read here */
  u8(): number {
    const at = this.#at;
    if (at >= this.#end) throw this.#truncated(1);
    this.#at = at + 1;
    return this.#bytes[at]!;
  }

  /** The next byte without moving past it. */
  peekU8(): number {
    if (this.#at >= this.#end) throw this.#truncated(1);
    return this.#bytes[this.#at]!;
  }

  u16(): number {
    const at = this.#at;
    if (at + 2 > this.#end) throw this.#truncated(2);
    this.#at = at + 2;
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  i32(): number {
    const at = this.#at;
    if (at + 4 > this.#end) throw this.#truncated(4);
    this.#at = at + 4;
    const bytes = this.#bytes;
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }

  u64(): bigint {
    if (this.#at + 8 > this.#end) throw this.#truncated(8);
    const high = this.u32();
    const low = this.u32();
    return (BigInt(high) << 32n) | BigInt(low);
  }

  /** An IEEE 754 double; NaN and infinities are returned as they are. */
  f64(): number {
    const at = this.#at;
    if (at + 8 > this.#end) throw this.#truncated(8);
    this.#at = at + 8;
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 8).getFloat64(0);
  }

  /** The next `count` bytes as a plain `Uint8Array` view onto the input. */
  bytes(count: number): Uint8Array {
    const at = this.#advance(count);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, count);
  }

  /** All bytes that are left, as a view of the same kind as the input; the cursor stays. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#end);
  }

  /**
   * The next `count` bytes as strict UTF-8: no overlong forms, no surrogates.
   *
   * @throws {TermError} `truncated`, or `invalid_term` when they are not UTF-8
   */
  utf8(count: number): string {
    const at = this.#advance(count);
    const bytes = this.#bytes;
    const end = at + count;
    for (let i = at; i < end; i++) {
      if (bytes[i]! >= 0x80) return this.#decodeUtf8(at, end);
    }
    return asciiString(bytes, at, end);
  }

  /** Moves past the next bytes if they are this text, all of it ASCII; otherwise the cursor stays. */
  skipText(text: string): boolean {
    const at = this.#at;
    const { length } = text;
    if (length > this.#end - at) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
    this.#at = at + length;
    return true;
  }

  /** The next `count` bytes, each one character (ISO 8859-1). */
  latin1(count: number): string {
    const at = this.#advance(count);
    return Buffer.prototype.latin1Slice.call(this.#bytes, at, at + count);
  }

  skip(count: number): void {
    this.#advance(count);
  }

  /** Moves past `count` bytes and returns where they start. */
  #advance(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) throw this.#truncated(count);
    this.#at = at + count;
    return at;
  }

  #decodeUtf8(at: number, end: number): string {
    try {
      return strictUtf8.decode(this.#bytes.subarray(at, end));
    } catch (cause) {
      throw new TermError('invalid_term', `expected UTF-8 at byte ${at}`, { offset: at, cause });
    }
  }

  #truncated(needed: number): TermError {
    return new TermError(
      'truncated',
      `expected ${needed} more bytes at byte ${this.#at}, got ${this.remaining}`,
      { offset: this.#at },
    );
  }
}

function asciiString(bytes: Uint8Array, from: number, to: number): string {
  if (to - from > SHORT_STRING) return Buffer.prototype.latin1Slice.call(bytes, from, to);
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
