/**
 * Text as Erlang's io protocol carries it: character data (deep lists of code points and UTF-8
 * binaries), and format strings with their arguments.
 */

import { inspectTerm } from '../terms/inspect.ts';
import { Float, ImproperList, type Term } from '../terms/term.ts';

const MAX_CODE_POINT = 0x10ffff;

/** Nesting beyond this is not character data that anybody writes. */
const MAX_DEPTH = 256;

/** The text of character data; `undefined` if the term is something else. */
export function ioText(term: Term): string | undefined {
  const parts: string[] = [];
  return collect(term, parts, 0) ? parts.join('') : undefined;
}

function collect(term: Term, parts: string[], depth: number): boolean {
  if (depth > MAX_DEPTH) return false;
  if (typeof term === 'number') {
    if (!Number.isInteger(term) || term < 0 || term > MAX_CODE_POINT) return false;
    parts.push(String.fromCodePoint(term));
    return true;
  }
  if (term instanceof Uint8Array) {
    parts.push(Buffer.from(term).toString('utf8'));
    return true;
  }
  if (Array.isArray(term)) {
    return (term as readonly Term[]).every((element) => collect(element, parts, depth + 1));
  }
  if (!(term instanceof ImproperList)) return false;
  return [...term.elements, term.tail].every((element) => collect(element, parts, depth + 1));
}

/** One control sequence of a format string: `~F.P.PadModC`, of which only modifiers and C matter here. */
const CONTROL = /~(-?\d*|\*)(\.(\d*|\*))?(\..)?[tlKk]*([~a-zA-Z+#])/gu;

/**
 * Fills a format string of `io:format/2`. Field widths and precisions are left out; text that
 * cannot be filled as asked shows its arguments as terms.
 */
export function formatIo(format: Term, args: Term, maxLength: number): string {
  const template = ioText(format);
  const list = Array.isArray(args) ? (args as readonly Term[]) : [args];
  if (template === undefined) return inspectTerm(format, { maxLength });
  let next = 0;
  const text = template.replace(CONTROL, (_whole, _field, _dot, _precision, _pad, letter) => {
    if (letter === '~') return '~';
    if (letter === 'n') return '\n';
    const term = list[next++];
    return term === undefined || letter === 'i' ? '' : formatTerm(term, letter, maxLength);
  });
  return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
}

function formatTerm(term: Term, letter: string, maxLength: number): string {
  if (letter === 'c' && typeof term === 'number') return ioText(term) ?? '';
  if (letter === 's') return ioText(term) ?? inspectTerm(term, { maxLength });
  if ('feg'.includes(letter)) return String(term instanceof Float ? term.value : term);
  return inspectTerm(term, { maxLength });
}
