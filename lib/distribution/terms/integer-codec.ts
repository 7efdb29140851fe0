import type { ByteReader } from '../bytes/reader.ts';
import type { ByteWriter } from '../bytes/writer.ts';
import { TermError } from '../errors.ts';
import { INTEGER_EXT, LARGE_BIG_EXT, SMALL_BIG_EXT, SMALL_INTEGER_EXT } from './tags.ts';

/**
 * Writes an integer in the one form OTP gives it: SMALL_INTEGER_EXT (97) for 0 to 255,
 * INTEGER_EXT (98) for signed 32 bits, beyond that SMALL_BIG_EXT (110) or LARGE_BIG_EXT (111).
 *
 * @param value a bigint, or a number that is a safe integer
 */
export function writeInteger(writer: ByteWriter, value: number | bigint): void {
  if (typeof value === 'bigint') writeBigInt(writer, value);
  else if ((value & 0xff) === value) {
    writer.u8(SMALL_INTEGER_EXT);
    writer.u8(value & 0xff);
  } else if ((value | 0) === value) {
    writer.u8(INTEGER_EXT);
    writer.i32(value);
  } else writeMagnitude(writer, value < 0, Math.abs(value));
}

function writeBigInt(writer: ByteWriter, value: bigint): void {
  if (BigInt.asIntN(53, value) === value) {
    writeInteger(writer, Number(value));
    return;
  }
  const magnitude = value < 0n ? -value : value;
  // Digits to base 16 take linear time, unlike shifting a bigint byte by byte.
  let digits = magnitude.toString(16);
  if (digits.length % 2 === 1) digits = `0${digits}`;
  const bytes = Buffer.from(digits, 'hex').reverse();
  writeBigHeader(writer, bytes.length, value < 0n);
  writer.bytes(bytes);
}

/** `magnitude` is an integer from 2^31 to 2^53. */
function writeMagnitude(writer: ByteWriter, negative: boolean, magnitude: number): void {
  let count = 4;
  while (magnitude >= 256 ** count) count++;
  writeBigHeader(writer, count, negative);
  for (let rest = magnitude, i = 0; i < count; i++) {
    writer.u8(rest % 256);
    rest = Math.floor(rest / 256);
  }
}

function writeBigHeader(writer: ByteWriter, count: number, negative: boolean): void {
  if (count <= 0xff) {
    writer.u8(SMALL_BIG_EXT);
    writer.u8(count);
  } else {
    writer.u8(LARGE_BIG_EXT);
    writer.u32(count);
  }
  writer.u8(negative ? 1 : 0);
}

/**
 * Reads an integer after its tag, leading zeros and negative zero included, as OTP does.
 *
 * @returns a number when it is a safe integer, otherwise a bigint; `undefined`, with nothing read,
 * when `tag` is no integer's
 */
export function readIntegerAfter(
  tag: number,
  reader: ByteReader,
  maxBytes: number,
): number | bigint | undefined {
  switch (tag) {
    case SMALL_INTEGER_EXT:
      return reader.u8();
    case INTEGER_EXT:
      return reader.i32();
    case SMALL_BIG_EXT:
      return readBig(reader, reader.u8(), maxBytes);
    case LARGE_BIG_EXT:
      return readBig(reader, reader.u32(), maxBytes);
    default:
      return undefined;
  }
}

function readBig(reader: ByteReader, count: number, maxBytes: number): number | bigint {
  const offset = reader.offset;
  if (count > maxBytes) {
    throw new TermError(
      'limit_exceeded',
      `expected an integer of at most ${maxBytes} bytes, got ${count}`,
      { offset },
    );
  }
  const sign = reader.u8();
  if (sign > 1) {
    throw new TermError('invalid_term', `expected the sign 0 or 1, got ${sign}`, { offset });
  }
  const magnitude = fromLittleEndian(reader.bytes(count));
  const value = sign === 1 ? -magnitude : magnitude;
  // 0 - value instead of -value would do for numbers, but -0 must not come out.
  if (typeof value === 'number') return value === 0 ? 0 : value;
  return Number.MIN_SAFE_INTEGER <= value && value <= Number.MAX_SAFE_INTEGER
    ? Number(value)
    : value;
}

function fromLittleEndian(bytes: Uint8Array): number | bigint {
  if (bytes.length > 6) return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  let value = 0;
  for (let i = bytes.length - 1; i >= 0; i--) value = value * 256 + bytes[i]!;
  return value;
}
