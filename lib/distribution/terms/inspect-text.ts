/**
 * Which lists and binaries are shown as text, and how. The rules are those of OTP's
 * `io_lib_pretty` with Unicode output (`~tp`) and `+pc unicode`.
 */
import { isUtf8 } from 'node:buffer';
import type { Term } from './term.ts';

const ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x1b, '\\e'],
  [0x5c, '\\\\'],
]);

/** Escapes `text` for a place between two `quote` characters. Source: OTP `io_lib:string_char/4`. */
export function escapeText(text: string, quote: '"' | "'"): string {
  let escaped = '';
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (character === quote) escaped += `\\${quote}`;
    else if (code === 0x7f) escaped += '\\d';
    else if (ESCAPES.has(code)) escaped += ESCAPES.get(code);
    else if (code >= 0x20 && (code < 0x7f || code >= 0xa0)) escaped += character;
    else escaped += `\\${code.toString(8).padStart(3, '0')}`;
  }
  return escaped;
}

/**
 * A non-empty list of printable characters as `"text"`; `undefined` for any other list.
 *
 * @param maxLength no more characters than this need to be looked at
 */
export function inspectCharlist(elements: readonly Term[], maxLength: number): string | undefined {
  if (elements.length === 0) return undefined;
  const count = Math.min(elements.length, maxLength);
  let text = '';
  for (let i = 0; i < count; i++) {
    const code = elements[i];
    if (typeof code !== 'number' || !isPrintable(code)) return undefined;
    text += String.fromCodePoint(code);
  }
  return `"${escapeText(text, '"')}"`;
}

/**
 * A binary as `<<"text">>` when it is printable ASCII or, not being UTF-8, printable Latin-1, as
 * `<<"text"/utf8>>` when it is other printable UTF-8, else as `<<1,2,3>>`.
 *
 * @param maxLength no more characters than this need to be looked at
 */
export function inspectBinary(bytes: Uint8Array, maxLength: number): string {
  if (bytes.length === 0) return '<<>>';
  const shown = cut(bytes, maxLength);
  return textForm(shown) ?? `<<${shown.join(',')}>>`;
}

/** The first bytes, up to the end of a UTF-8 character, that are sure to fill `maxLength`. */
function cut(bytes: Uint8Array, maxLength: number): Uint8Array {
  let end = maxLength * 4;
  if (!(end < bytes.length)) return bytes;
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80 && end < maxLength * 4 + 3) end++;
  return bytes.subarray(0, end);
}

function textForm(bytes: Uint8Array): string | undefined {
  const isUnicode = isUtf8(bytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString(isUnicode ? 'utf8' : 'latin1');
  for (const character of text) if (!isPrintable(character.codePointAt(0)!)) return undefined;
  const isWide = isUnicode && text.length !== bytes.length;
  return `<<"${escapeText(text, '"')}"${isWide ? '/utf8' : ''}>>`;
}

/** Source: OTP `io_lib:printable_unicode_list/1`. */
function isPrintable(code: number): boolean {
  if (code < 0x20) return (code >= 0x08 && code <= 0x0d) || code === 0x1b;
  if (code < 0xa0) return code < 0x7f;
  if (code <= 0xd7ff) return true;
  return (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}
