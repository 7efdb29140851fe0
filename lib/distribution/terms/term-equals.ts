import { TermError } from '../errors.ts';
import { Atom } from './atom.ts';
import { MAX_TERM_DEPTH } from './limits.ts';
import { Pid } from './pid.ts';
import { Reference } from './reference.ts';
import { type Term, Tuple } from './term.ts';
import { termKey } from './term-key.ts';

/**
 * Whether two terms are the same term, as Erlang's `=:=`. The usual small terms are compared
 * without building a key.
 *
 * @throws {TermError} as {@link termKey}
 */
export function termEquals(a: Term, b: Term): boolean {
  return equals(a, b, 0);
}

function equals(a: Term, b: Term, depth: number): boolean {
  if (a === b) return true;
  if (typeof a === 'number' && typeof b === 'number') return false;
  if (a instanceof Atom) return b instanceof Atom && a.name === b.name;
  if (b instanceof Atom) return false;
  if (a instanceof Pid) return b instanceof Pid && a.equals(b);
  if (a instanceof Reference) return b instanceof Reference && a.equals(b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Tuple) return b instanceof Tuple && sameAll(a.elements, b.elements, depth + 1);
  if (Array.isArray(a)) return Array.isArray(b) && sameAll(a, b, depth + 1);
  return termKey(a) === termKey(b);
}

function sameAll(a: readonly Term[], b: readonly Term[], depth: number): boolean {
  if (a.length !== b.length) return false;
  if (depth > MAX_TERM_DEPTH) {
    throw new TermError('limit_exceeded', `expected at most ${MAX_TERM_DEPTH} nested terms`);
  }
  for (let i = 0; i < a.length; i++) {
    if (!equals(a[i]!, b[i]!, depth)) return false;
  }
  return true;
}
