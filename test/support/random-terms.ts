/** Random terms from a seeded generator, so that a failure is repeated by its seed. */
import { Atom } from '../../lib/distribution/terms/atom.ts';
import { ErlangMap } from '../../lib/distribution/terms/erlang-map.ts';
import { Pid } from '../../lib/distribution/terms/pid.ts';
import { Port } from '../../lib/distribution/terms/port.ts';
import { Reference } from '../../lib/distribution/terms/reference.ts';
import {
  BitString,
  ExternalFun,
  Float,
  float,
  ImproperList,
  OpaqueFun,
  type Term,
  Tuple,
} from '../../lib/distribution/terms/term.ts';
import { termKey } from '../../lib/distribution/terms/term-key.ts';
import type { SeededRandom } from './seeded-random.ts';

export function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}

const NAMES = [
  'ok',
  'error',
  'true',
  '',
  'Elixir.Counter',
  '$gen_call',
  'é',
  '日本',
  'a b',
  "it's",
];
const NODES = ['a@127.0.0.1', 'b@127.0.0.1', 'c@host.example'];
const EDGES = [0, 255, 256, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53 - 1, -(2 ** 53 - 1)];
const FLOATS = [0, 1, -1, 1.5, 1e10, 1.5e-5, 5e-324, 1.7976931348623157e308, 2 ** 53, 0.1];

/**
 * A term of any kind, nested up to `depth` containers. OTP accepts all of them: references have a
 * first word of 18 bits, closures small indices, and `-0.0`, which before OTP 27 is the same term
 * as `0.0`, does not occur.
 */
export function randomTerm(random: SeededRandom, depth = 4): Term {
  const isLeaf = depth <= 0 || random.below(10) < 3;
  return isLeaf ? randomLeaf(random) : randomContainer(random, depth - 1);
}

function randomLeaf(random: SeededRandom): Term {
  switch (random.below(12)) {
    case 0:
    case 1:
      return randomInteger(random);
    case 2:
      return randomFloat(random);
    case 3:
    case 4:
      return new Atom(pick(random, NAMES));
    case 5:
      return randomPid(random);
    case 6:
      return randomReference(random);
    case 7:
      return new Port(
        pick(random, NODES),
        (BigInt(random.below(256)) << 32n) + BigInt(u32(random)),
        u32(random),
      );
    case 8:
      return random.bytes(random.below(20));
    case 9:
      return randomBitString(random);
    case 10:
      return new ExternalFun(pick(random, NAMES), pick(random, NAMES), random.below(256));
    default:
      return Array.from({ length: random.below(8) }, () => random.below(256));
  }
}

function randomContainer(random: SeededRandom, depth: number): Term {
  const terms = Array.from({ length: random.below(6) }, () => randomTerm(random, depth));
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return new Tuple(terms);
    case 3:
    case 4:
      return terms;
    case 5:
      return new ImproperList([randomLeaf(random), ...terms], new Tuple(terms));
    case 6:
      return randomMap(random, terms, depth);
    default:
      return randomClosure(random, terms);
  }
}

function randomInteger(random: SeededRandom): number | bigint {
  switch (random.below(4)) {
    case 0:
      return pick(random, EDGES);
    case 1:
      return random.below(2 ** 20) - 2 ** 19;
    case 2:
      return (random.below(2) === 0 ? -1n : 1n) * (BigInt(u32(random)) + (1n << 60n));
    default:
      return BigInt(`0x1${Buffer.from(random.bytes(8 + random.below(300))).toString('hex')}`);
  }
}

function randomFloat(random: SeededRandom): Float | number {
  if (random.below(2) === 0) return float(pick(random, FLOATS));
  const value = Buffer.from(random.bytes(8)).readDoubleBE(0);
  return Number.isFinite(value) ? float(value) : new Float(7);
}

export function randomPid(random: SeededRandom): Pid {
  return new Pid(pick(random, NODES), u32(random), u32(random), 1 + random.below(2 ** 31));
}

export function randomReference(random: SeededRandom): Reference {
  const words = [random.below(2 ** 18)];
  for (let count = pick(random, [1, 3, 3, 5]); words.length < count; ) words.push(u32(random));
  return new Reference(pick(random, NODES), 1 + random.below(2 ** 31), words);
}

function randomBitString(random: SeededRandom): BitString {
  const bits = 1 + random.below(7);
  const bytes = random.bytes(1 + random.below(5));
  bytes[bytes.length - 1]! &= 0xff00 >> bits;
  return new BitString(bytes, bits);
}

function randomMap(random: SeededRandom, values: readonly Term[], depth: number): ErlangMap {
  const pairs = new Map<string, readonly [Term, Term]>();
  const count = random.below(20);
  for (let i = 0; i < count; i++) {
    const key = randomTerm(random, Math.min(depth, 1));
    pairs.set(termKey(key), [key, values[i] ?? randomLeaf(random)]);
  }
  return new ErlangMap([...pairs.values()]);
}

function randomClosure(random: SeededRandom, freeVariables: readonly Term[]): OpaqueFun {
  return new OpaqueFun({
    arity: random.below(20),
    uniq: random.bytes(16),
    index: random.below(100),
    module: pick(random, ['some_module', 'Elixir.Some.Module']),
    oldIndex: random.below(100),
    oldUniq: random.below(2 ** 27),
    pid: randomPid(random),
    freeVariables,
  });
}

function u32(random: SeededRandom): number {
  return random.below(2 ** 32);
}
