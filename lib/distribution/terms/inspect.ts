/**
 * Terms in Erlang shell notation, for logs and failing tests: what `io:format("~0tp")` prints.
 *
 * Two things differ from OTP, both on purpose: identifiers show the node's name where OTP shows a
 * number that only the printing node can resolve, and the pairs of a map keep their wire order.
 * Nothing here throws: a value that is no term is shown in angle brackets.
 */
import { Atom } from './atom.ts';
import { inspectAtom } from './inspect-atom.ts';
import { inspectFloat } from './inspect-float.ts';
import { inspectBinary, inspectCharlist } from './inspect-text.ts';
import { MAX_TERM_DEPTH } from './limits.ts';
import { MapEntries } from './map-entries.ts';
import { Pid } from './pid.ts';
import { Port } from './port.ts';
import { Reference } from './reference.ts';
import {
  BitString,
  ExternalFun,
  Float,
  ImproperList,
  OpaqueFun,
  type Term,
  Tuple,
} from './term.ts';
import { describeValue } from './unencodable.ts';

export interface InspectOptions {
  /** characters of the result, the closing `…` of a cut text included; default: no limit */
  readonly maxLength?: number;
}

/** The text grows until it is longer than `maxLength`; then nothing more is worth adding. */
interface Printing {
  readonly maxLength: number;
  text: string;
}

/** @returns the term on one line, as in `{ok,[1,2],<<"abc">>,#{a => 1},<node1@host.83.0>}` */
export function inspectTerm(term: Term, options: InspectOptions = {}): string {
  const maxLength = options.maxLength ?? Number.POSITIVE_INFINITY;
  const printing: Printing = { maxLength, text: '' };
  print(printing, term, 0);
  const { text } = printing;
  return text.length > maxLength ? `${text.slice(0, Math.max(0, maxLength - 1))}…` : text;
}

function print(p: Printing, term: Term, depth: number): void {
  if (p.text.length > p.maxLength) return;
  const scalar = printScalar(p, term);
  if (scalar !== undefined) p.text += scalar;
  else if (depth >= MAX_TERM_DEPTH) p.text += '...';
  else printContainer(p, term, depth + 1);
}

function printScalar(p: Printing, term: Term): string | undefined {
  if (typeof term === 'number') {
    return Number.isInteger(term) ? String(term + 0) : inspectFloat(term);
  }
  if (typeof term === 'bigint') return String(term);
  if (term instanceof Atom) return inspectAtom(term.name);
  if (term instanceof Float) return inspectFloat(term.value);
  if (term instanceof Uint8Array) return inspectBinary(term, p.maxLength);
  if (term instanceof BitString) return inspectBitString(term);
  if (term instanceof ExternalFun) {
    return `fun ${inspectAtom(term.module)}:${inspectAtom(term.function)}/${term.arity}`;
  }
  if (term instanceof OpaqueFun) {
    const { module, oldIndex, oldUniq } = term.parts;
    return `#Fun<${module}.${oldIndex}.${oldUniq}>`;
  }
  if (term instanceof Pid || term instanceof Reference || term instanceof Port) return `${term}`;
  return undefined;
}

function printContainer(p: Printing, term: Term, depth: number): void {
  if (term instanceof Tuple) printSequence(p, '{', term.elements, '}', depth);
  else if (Array.isArray(term)) printList(p, term, depth);
  else if (term instanceof ImproperList) {
    printSequence(p, '[', term.elements, '|', depth);
    print(p, term.tail, depth);
    p.text += ']';
  } else if (term instanceof MapEntries) printMap(p, term, depth);
  else p.text += `<${describeValue(term)}>`;
}

function printList(p: Printing, elements: readonly Term[], depth: number): void {
  const charlist = inspectCharlist(elements, p.maxLength);
  if (charlist === undefined) printSequence(p, '[', elements, ']', depth);
  else p.text += charlist;
}

function printSequence(
  p: Printing,
  open: string,
  terms: readonly Term[],
  close: string,
  depth: number,
): void {
  p.text += open;
  for (let i = 0; i < terms.length && p.text.length <= p.maxLength; i++) {
    if (i > 0) p.text += ',';
    print(p, terms[i]!, depth);
  }
  p.text += close;
}

function printMap(p: Printing, map: MapEntries, depth: number): void {
  p.text += '#{';
  for (let i = 0; i < map.size && p.text.length <= p.maxLength; i++) {
    if (i > 0) p.text += ',';
    const [key, value] = map.entries[i]!;
    print(p, key, depth);
    p.text += ' => ';
    print(p, value, depth);
  }
  p.text += '}';
}

/** `<<1,2:3>>`: the last segment shows the value of its bits. */
function inspectBitString({ bytes, bits }: BitString): string {
  const last = bytes.length - 1;
  const whole = Array.from(bytes.subarray(0, last), (byte) => `${byte},`).join('');
  return `<<${whole}${bytes[last]! >> (8 - bits)}:${bits}>>`;
}
