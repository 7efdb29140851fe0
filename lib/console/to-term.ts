import { types } from 'node:util';
import {
  type Atom,
  atom,
  ErlangMap,
  isAtom,
  isTermObject,
  type Term,
} from '../distribution/index.ts';

/**
 * What was typed as the term it stands for: terms as they are, booleans as the atoms of Erlang,
 * arrays as lists.
 *
 * A string is refused: nobody can tell whether an atom, a binary or a charlist was meant.
 *
 * @throws {TypeError} naming the value and what to write instead
 */
export function toTerm(value: unknown): Term {
  if (typeof value === 'boolean') return atom(String(value));
  if (typeof value === 'bigint' || isTermObject(value)) return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    throw new TypeError(`expected a term, got ${value}, which Erlang has no number for`);
  }
  if (Array.isArray(value)) return Array.from(value, toTerm);
  // Typed code has classes of its own, so this may be another Uint8Array than ours.
  if (types.isUint8Array(value)) {
    return value instanceof Uint8Array ? value : new Uint8Array(value);
  }
  throw new TypeError(`expected a term, got ${describe(value)}`);
}

function describe(value: unknown): string {
  if (typeof value === 'string') {
    const text = JSON.stringify(value);
    return `the string ${text}: write atom(${text}) or binary(${text})`;
  }
  if (typeof value === 'function') return 'a function';
  if (types.isPromise(value)) return 'a promise: write await before it';
  if (typeof value === 'object' && value !== null) return 'an object: write map({...})';
  return `${String(value)}: write an atom, such as atom('undefined')`;
}

/**
 * An atom, or the string of its name, where nothing but an atom is possible.
 *
 * @throws {TypeError} if it is something else
 */
export function toAtom(value: unknown, what: string): Atom {
  if (isAtom(value)) return value;
  if (typeof value === 'string') return atom(value);
  throw new TypeError(`expected ${what} as a string or an atom, got ${kindOf(value)}`);
}

/**
 * A map from an object, whose keys become atoms, from a `Map`, or from pairs.
 *
 * @throws {TypeError} if it is something else, or holds what is no term
 */
export function toMap(value: unknown): ErlangMap {
  if (value instanceof ErlangMap) return value;
  if (types.isMap(value)) return new ErlangMap(Array.from(value, toPair));
  if (Array.isArray(value)) return new ErlangMap(value.map(toPair));
  if (typeof value === 'object' && value !== null && !isTermObject(value)) {
    return new ErlangMap(
      Object.entries(value).map(([key, item]) => [atom(key), toTerm(item)] as const),
    );
  }
  throw new TypeError(
    `expected an object, a Map or an array of [key, value], got ${kindOf(value)}`,
  );
}

function toPair(pair: unknown): readonly [Term, Term] {
  if (Array.isArray(pair) && pair.length === 2) return [toTerm(pair[0]), toTerm(pair[1])];
  throw new TypeError(`expected a pair [key, value], got ${kindOf(pair)}`);
}

/** Says of a value what it is, in a few words. */
export function kindOf(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value)}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (isTermObject(value)) return 'another term';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
