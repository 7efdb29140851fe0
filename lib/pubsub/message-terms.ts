/**
 * Messages as JavaScript values ⇄ messages as Erlang terms, so that a Phoenix application reads ours and
 * we read its.
 *
 * | JavaScript | Erlang, Elixir |
 * |---|---|
 * | string | binary of UTF-8 |
 * | `Uint8Array` | any other binary; one that happens to be UTF-8 comes back as a string |
 * | whole number within ±(2^53-1), `bigint` | integer; one within that range comes back as a number |
 * | any other number, `-0` too | float; one without a fraction (`1.0`) comes back as a whole number |
 * | `true`, `false`, `null` | the atoms `true`, `false`, `nil` |
 * | array | list |
 * | plain object | map whose keys are all atoms, such as a struct: `__struct__` is an {@link Atom} then |
 * | `Map` | any other map; keys are mapped like values |
 * | `Atom`, `Tuple`, `Pid`, `Reference`, … of `lib/distribution` | themselves; what is in a tuple stays a term |
 *
 * A property that is `undefined` is left out, as in JSON. Half of a surrogate pair in a string becomes U+FFFD.
 * NaN, infinities, functions, symbols and instances of other classes have no form. Each different key of a
 * plain object is an atom on the other side, where atoms are never freed: keys that come from users belong
 * in a `Map`.
 *
 * A JSON-like value comes out of both steps as it went in. Nothing that a peer can send makes the way in fail.
 */
import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import {
  Atom,
  atom,
  ErlangMap,
  Float,
  isTermObject,
  MAX_ATOM_CHARACTERS,
  type Term,
} from '../distribution/index.ts';

/** A message, or a part of it, has no form as a term. */
export class MessageError extends TypeError {
  readonly code = 'unmappable';
  /** where in the message: keys and indices from the outside in */
  readonly path: readonly (string | number)[];

  constructor(expected: string, path: readonly (string | number)[] = []) {
    const where = path.map((step) => `[${JSON.stringify(step)}]`).join('');
    super(`expected ${expected}${where === '' ? '' : ` at message${where}`}`);
    this.name = 'MessageError';
    this.path = path;
  }
}

/** What stands in the way, on its way out to where its place is known. */
class Unmappable extends Error {
  readonly path: (string | number)[] = [];
}

/** The depth to which messages are nested; a value that contains itself has no end. */
const MAX_DEPTH = 500;

const TRUE = atom('true');
const FALSE = atom('false');
const NIL = atom('nil');

const utf8 = new TextEncoder();

/**
 * The term for a message.
 *
 * @throws {MessageError} that names what has no form, and where it is
 */
export function toTerm(message: unknown): Term {
  try {
    return mapped(message, 0);
  } catch (error) {
    if (error instanceof Unmappable) throw new MessageError(error.message, error.path.reverse());
    throw error;
  }
}

/** The message of a term. Never fails. */
export function fromTerm(term: Term): unknown {
  if (typeof term === 'number' || typeof term === 'bigint') return term;
  if (term instanceof Uint8Array) return fromBinary(term);
  if (term instanceof Atom) return fromAtom(term);
  if (term instanceof ErlangMap) return fromMap(term);
  if (Array.isArray(term)) return (term as readonly Term[]).map(fromTerm);
  if (term instanceof Float) return term.value;
  return term;
}

function mapped(value: unknown, depth: number): Term {
  switch (typeof value) {
    case 'string':
      return utf8.encode(value);
    case 'number':
      return fromNumber(value);
    case 'bigint':
      return value;
    case 'boolean':
      return value ? TRUE : FALSE;
    case 'object':
      return value === null ? NIL : fromObject(value, depth + 1);
    default:
      throw new Unmappable(`a value that has a form as a term, got ${describe(value)}`);
  }
}

function fromNumber(value: number): Term {
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? new Float(-0) : value;
  if (!Number.isFinite(value)) throw new Unmappable(`a finite number, got ${value}`);
  return Number.isInteger(value) ? new Float(value) : value;
}

function fromObject(value: object, depth: number): Term {
  if (depth > MAX_DEPTH) throw new Unmappable(`at most ${MAX_DEPTH} nested values`);
  if (isPlain(value)) return fromPlainObject(value, depth);
  if (Array.isArray(value)) return fromArray(value, depth);
  if (value instanceof Uint8Array) return value;
  if (types.isMap(value)) return fromJsMap(value, depth);
  if (isTermObject(value)) return value;
  throw new Unmappable(`a plain object, got ${describe(value)}`);
}

/** What is typed in the console is of another realm, and has an `Object.prototype` of its own. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null;
}

function fromPlainObject(value: object, depth: number): ErlangMap {
  const entries: (readonly [Term, Term])[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    try {
      entries.push([atomOf(key), mapped(member, depth)]);
    } catch (error) {
      throw within(key, error);
    }
  }
  return new ErlangMap(entries);
}

function atomOf(key: string): Atom {
  if (key.length <= MAX_ATOM_CHARACTERS) return new Atom(key);
  throw new Unmappable(
    `a key of at most ${MAX_ATOM_CHARACTERS} characters, got one of ${key.length}; a Map may have any`,
  );
}

function fromArray(values: readonly unknown[], depth: number): Term[] {
  const terms = new Array<Term>(values.length);
  for (let at = 0; at < values.length; at += 1) {
    try {
      terms[at] = mapped(values[at], depth);
    } catch (error) {
      throw within(at, error);
    }
  }
  return terms;
}

function fromJsMap(map: ReadonlyMap<unknown, unknown>, depth: number): ErlangMap {
  const entries: (readonly [Term, Term])[] = [];
  for (const [key, value] of map) {
    try {
      entries.push([mapped(key, depth), mapped(value, depth)]);
    } catch (error) {
      throw within(String(key), error);
    }
  }
  try {
    return new ErlangMap(entries);
  } catch {
    throw new Unmappable('a Map whose keys differ as terms');
  }
}

function within(step: string | number, error: unknown): unknown {
  if (error instanceof Unmappable) error.path.push(step);
  return error;
}

/** A copy, because it may be kept longer than the bytes of the connection that it is in. */
function fromBinary(bytes: Uint8Array): string | Uint8Array {
  if (!isUtf8(bytes)) return bytes.slice();
  return Buffer.prototype.utf8Slice.call(bytes, 0, bytes.length);
}

function fromAtom(term: Atom): unknown {
  switch (term.name) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'nil':
      return null;
    default:
      return term;
  }
}

function fromMap(map: ErlangMap): unknown {
  const { entries } = map;
  for (const [key] of entries) if (!(key instanceof Atom)) return fromMixedMap(map);
  const object: Record<string, unknown> = {};
  for (const [key, term] of entries) {
    const { name } = key as Atom;
    const value = fromTerm(term);
    // As an assignment it would set the prototype.
    if (name === '__proto__') define(object, name, value);
    else object[name] = value;
  }
  return object;
}

/** As it is, when two of its keys are the same to us, such as `1` and `1.0`. */
function fromMixedMap(map: ErlangMap): Map<unknown, unknown> | ErlangMap {
  const pairs = map.entries.map(([key, value]) => [fromTerm(key), fromTerm(value)] as const);
  const mappedPairs = new Map(pairs);
  return mappedPairs.size === pairs.length ? mappedPairs : map;
}

function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, {
    ...{ value, enumerable: true, configurable: true, writable: true },
  });
}

function describe(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    const made = value.constructor;
    return `an instance of ${typeof made === 'function' ? made.name : 'a class'}`;
  }
  return value === undefined ? 'undefined' : `a ${typeof value}`;
}
