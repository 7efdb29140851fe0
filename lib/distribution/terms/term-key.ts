import { TermError } from '../errors.ts';
import { Atom } from './atom.ts';
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

/**
 * A string that is equal for two terms exactly when they are the same term (`=:=`): use it as a
 * `Map` key for global names, lock ids, groups. `1` and `1.0` differ, `5` and `5n` do not, the
 * order of a map's pairs does not matter. As on OTP 27 and later, `0.0` and `-0.0` differ.
 *
 * The text is one letter for the type followed by a form that shows its own end, so no two
 * sequences of terms run together to the same text. It is not meant to be read or stored.
 *
 * @throws {TermError} `limit_exceeded` beyond {@link MAX_TERM_DEPTH}, `unencodable` for a value that is no term
 */
export function termKey(term: Term): string {
  return keyOf(term, 0);
}

function keyOf(term: Term, depth: number): string {
  if (typeof term === 'number') return numberKey(term);
  if (typeof term === 'bigint') return `i${term.toString(16)};`;
  if (term instanceof Atom) return textKey('a', term.name);
  if (term instanceof Uint8Array) return binaryKey(term);
  if (term instanceof Pid) return textKey('p', term.key);
  if (term instanceof Reference) return textKey('r', term.key);
  if (term instanceof Float) return floatKey(term.value);
  if (term instanceof Port) return textKey('o', `${term.id}.${term.creation}@${term.node}`);
  if (term instanceof BitString) return bitStringKey(term);
  if (term instanceof ExternalFun) {
    return `e${term.arity};${textKey('a', term.module)}${textKey('a', term.function)}`;
  }
  if (depth >= MAX_TERM_DEPTH) {
    throw new TermError('limit_exceeded', `expected at most ${MAX_TERM_DEPTH} nested terms`);
  }
  return containerKey(term, depth + 1);
}

function containerKey(term: Term, depth: number): string {
  if (term instanceof Tuple) return sequenceKey('t', term.elements, depth);
  if (Array.isArray(term)) return sequenceKey('l', term, depth);
  if (term instanceof ImproperList) {
    return sequenceKey('L', term.elements, depth) + keyOf(term.tail, depth);
  }
  if (term instanceof MapEntries) return mapKey(term, depth);
  if (term instanceof OpaqueFun) return funKey(term, depth);
  throw new TermError('unencodable', `expected a term, got ${typeof term}`);
}

function numberKey(value: number): string {
  // Adding 0 turns -0, which as a plain number is the integer 0, into 0.
  return Number.isInteger(value) ? `i${(value + 0).toString(16)};` : floatKey(value);
}

function floatKey(value: number): string {
  return `f${Object.is(value, -0) ? '-0' : value};`;
}

function textKey(type: string, text: string): string {
  return `${type}${text.length}:${text}`;
}

function binaryKey(bytes: Uint8Array): string {
  return `b${bytes.length}:${Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length)}`;
}

/** Only the used bits count: whatever a sender left in the others is not part of the term. */
function bitStringKey({ bytes, bits }: BitString): string {
  const last = bytes.length - 1;
  const used = bytes[last]! >> (8 - bits);
  return `s${bits}.${used};${binaryKey(bytes.subarray(0, last))}`;
}

function sequenceKey(type: string, terms: readonly Term[], depth: number): string {
  let key = `${type}${terms.length}:`;
  for (let i = 0; i < terms.length; i++) key += keyOf(terms[i]!, depth);
  return key;
}

function mapKey(map: MapEntries, depth: number): string {
  const pairs = map.entries.map(([key, value]) => keyOf(key, depth) + keyOf(value, depth));
  return `m${pairs.length}:${pairs.sort().join('')}`;
}

/** The pid of the process that made a closure is not part of its identity. Source: OTP `utils.c`, `eq`. */
function funKey({ parts }: OpaqueFun, depth: number): string {
  const { arity, index, module, uniq, oldIndex, oldUniq, freeVariables } = parts;
  return (
    `c${arity}.${index}.${oldIndex}.${oldUniq};` +
    textKey('a', module) +
    binaryKey(uniq) +
    sequenceKey('t', freeVariables, depth)
  );
}
