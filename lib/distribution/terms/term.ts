/**
 * Erlang terms as JavaScript values.
 *
 * | Erlang | here |
 * |---|---|
 * | integer within ±(2^53-1) | `number` (an integer) |
 * | any other integer | `bigint` |
 * | float with a fraction | `number` |
 * | float without a fraction (`1.0`, `-0.0`) | {@link Float}, so that it is not mistaken for an integer |
 * | atom, `true`, `nil`, … | {@link Atom} |
 * | tuple | {@link Tuple} |
 * | proper list, also a charlist | array |
 * | improper list | {@link ImproperList} |
 * | binary, Elixir string | `Uint8Array` |
 * | bitstring that is not a binary | {@link BitString} |
 * | map, Elixir struct | {@link ErlangMap} |
 * | pid, reference, port | {@link Pid}, {@link Reference}, {@link Port} |
 * | `fun M:F/A` | {@link ExternalFun} |
 * | closure | {@link OpaqueFun}, kept so that it goes back unchanged |
 *
 * The mapping is exact in both directions: what was decoded encodes to the same term.
 *
 * Terms are values. The bytes of a binary that was sent are not to be changed afterwards: a process of the same node
 * gets the very same ones, and those for another node may still be on their way.
 */
import { type Atom, isAtom } from './atom.ts';
import type { ErlangMap } from './erlang-map.ts';
import type { Pid } from './pid.ts';
import type { Port } from './port.ts';
import type { Reference } from './reference.ts';

export type Term =
  | number
  | bigint
  | Float
  | Atom
  | Tuple
  | readonly Term[]
  | ImproperList
  | Uint8Array
  | BitString
  | ErlangMap
  | Pid
  | Reference
  | Port
  | ExternalFun
  | OpaqueFun;

/** A float whose value is a whole number, negative zero included; other floats are plain numbers. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Makes the term for a float of any finite value: a {@link Float} or, with a fraction, a number. */
export function float(value: number): Float | number {
  if (!Number.isFinite(value)) throw new RangeError(`an Erlang float is finite, got ${value}`);
  return Number.isInteger(value) ? new Float(value) : value;
}

/** A tuple of any arity, `{}` included. */
export class Tuple {
  readonly elements: readonly Term[];

  constructor(elements: readonly Term[]) {
    this.elements = elements;
  }

  get arity(): number {
    return this.elements.length;
  }
}

/** Makes a tuple: `tuple(atom('ok'), 1)` is `{ok, 1}`. */
export function tuple(...elements: readonly Term[]): Tuple {
  return new Tuple(elements);
}

/** `[a, b | tail]` whose tail is not a list. `elements` is never empty. */
export class ImproperList {
  readonly elements: readonly Term[];
  readonly tail: Term;

  /** @throws {RangeError} without elements, or with a tail that would make it another list */
  constructor(elements: readonly Term[], tail: Term) {
    if (elements.length === 0) throw new RangeError('an improper list has at least one element');
    if (Array.isArray(tail) || tail instanceof ImproperList) {
      throw new RangeError('the tail of an improper list is not itself a list');
    }
    this.elements = elements;
    this.tail = tail;
  }
}

/** A bitstring whose last byte holds only `bits` (1 to 7) bits, most significant first. */
export class BitString {
  readonly bytes: Uint8Array;
  readonly bits: number;

  /** @throws {RangeError} when `bits` is not 1 to 7, or there is no last byte to hold them */
  constructor(bytes: Uint8Array, bits: number) {
    if (!(Number.isInteger(bits) && bits >= 1 && bits <= 7 && bytes.length > 0)) {
      throw new RangeError(`${bytes.length} bytes cannot end with ${bits} bits of a bitstring`);
    }
    this.bytes = bytes;
    this.bits = bits;
  }
}

/** `fun module:function/arity`. */
export class ExternalFun {
  readonly module: string;
  readonly function: string;
  readonly arity: number;

  constructor(module: string, name: string, arity: number) {
    this.module = module;
    this.function = name;
    this.arity = arity;
  }
}

/** The parts of a closure (NEW_FUN_EXT). We cannot run it; every part is kept to send it on. */
export interface OpaqueFunParts {
  readonly arity: number;
  readonly uniq: Uint8Array;
  readonly index: number;
  readonly module: string;
  readonly oldIndex: number | bigint;
  readonly oldUniq: number | bigint;
  readonly pid: Pid;
  readonly freeVariables: readonly Term[];
}

/** A closure of another node. */
export class OpaqueFun {
  readonly parts: OpaqueFunParts;

  constructor(parts: OpaqueFunParts) {
    this.parts = parts;
  }
}

const utf8 = new TextEncoder();

/** An Elixir string: the text as a UTF-8 binary. */
export function binary(text: string): Uint8Array {
  return utf8.encode(text);
}

/**
 * Whether `value` is a tuple; with `arity` and `tag`, whether it is `{tag, …}` of that arity.
 * The usual test on messages: `isTuple(message, 2, 'EXIT')`.
 */
export function isTuple(value: unknown, arity?: number, tag?: string): value is Tuple {
  if (!(value instanceof Tuple)) return false;
  if (arity !== undefined && value.elements.length !== arity) return false;
  if (tag === undefined) return true;
  return isAtom(value.elements[0], tag);
}
