import { createHash } from 'node:crypto';
import t from 'tap';
import { ByteWriter } from '../../../../lib/distribution/bytes/writer.ts';
import { TermError } from '../../../../lib/distribution/errors.ts';
import { Atom, atom } from '../../../../lib/distribution/terms/atom.ts';
import { encodeExternal, encodeTerm } from '../../../../lib/distribution/terms/encode.ts';
import { ErlangMap } from '../../../../lib/distribution/terms/erlang-map.ts';
import { MAX_TERM_DEPTH } from '../../../../lib/distribution/terms/limits.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import {
  BitString,
  Float,
  ImproperList,
  type Term,
  tuple,
} from '../../../../lib/distribution/terms/term.ts';
import { capturedTerms } from '../../../support/otp-terms.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

t.test('writes the bytes OTP writes', async (t) => {
  const hexOf = new Map(capturedTerms().terms.map((c) => [c.source, 'hex' in c ? c.hex : '']));
  const terms: Readonly<Record<string, Term>> = {
    '255': 255,
    '256': 256,
    '-1': -1,
    '2147483647': 2147483647n,
    '2147483648': 2147483648,
    '-2147483649': -2147483649,
    '-9007199254740991': Number.MIN_SAFE_INTEGER,
    '-576460752303423487': -576460752303423487n,
    '1 bsl 2039': 1n << 2039n,
    '1 bsl 2040': 1n << 2040n,
    '1.0': new Float(1),
    '0.1': 0.1,
    ok: atom('ok'),
    "'Éa'": atom('Éa'),
    '"abc"': [97, 98, 99],
    '[1.0,a,"b",<<>>]': [new Float(1), atom('a'), [98], new Uint8Array(0)],
    '[[a|b]|c]': new ImproperList([new ImproperList([atom('a')], atom('b'))], atom('c')),
    '<<"abc",5:7>>': new BitString(Uint8Array.of(97, 98, 99, 0x0b), 7),
    '#{a => 1}': new ErlangMap([[atom('a'), 1]]),
  };
  for (const [source, term] of Object.entries(terms)) {
    t.equal(hex(encodeExternal(term)), hexOf.get(source), source);
  }
});

t.test('a list of bytes changes its form where OTP changes it', async (t) => {
  for (const captured of capturedTerms().terms) {
    if ('hex' in captured) continue;
    const count = Number(/\d+/.exec(captured.source)?.[0]);
    const bytes = encodeExternal(new Array<Term>(count).fill(97));
    t.equal(bytes.length, captured.size);
    t.equal(createHash('sha256').update(bytes).digest('hex'), captured.sha256);
  }
});

t.test('refuses what is no term, saying what was given and where', async (t) => {
  const bad = (value: unknown) => value as Term;
  const cases: readonly (readonly [Term, RegExp])[] = [
    [bad(undefined), /^expected a term, got undefined$/],
    [tuple(1, bad('abc')), /at element 2 of a tuple, got the string "abc" \(write binary/],
    [[tuple(bad(true))], /at element 1 of a tuple in element 1 of a list, got true/],
    [new ImproperList([1], bad(null)), /at the tail of a list, got null/],
    [new ErlangMap([[1, bad({})]]), /at value 1 of a map, got an object of class Object/],
    [[1, bad(new Map())], /class Map/],
    [bad(Symbol('x')), /got a symbol/],
    [Number.NaN, /expected a finite number, got NaN/],
    [Number.POSITIVE_INFINITY, /got Infinity/],
    [new Float(Number.NaN), /finite/],
    [2 ** 53, /bigint or a Float/],
    [new Pid('a@b', -1, 0, 1), /unsigned 32-bit number, got -1/],
    [new Reference('a@b', 1, []), /1 to 5 words, got 0/],
    [new Reference('a@b', 1, [1, 2, 3, 4, 5, 6]), /1 to 5 words, got 6/],
    [new Atom('x'.repeat(256)), /at most 255 characters, got 256/],
    [new Atom('\ud800'), /lone surrogate/],
  ];
  for (const [term, message] of cases) {
    t.throws(() => encodeExternal(term), { constructor: TermError, code: 'unencodable', message });
  }
});

t.test('the classes refuse values that would be another term', async (t) => {
  t.throws(() => new ImproperList([], 1), RangeError);
  t.throws(() => new ImproperList([1], []), RangeError);
  t.throws(() => new ImproperList([1], new ImproperList([1], 2)), RangeError);
  t.throws(() => new BitString(Uint8Array.of(1), 8), RangeError);
  t.throws(() => new BitString(Uint8Array.of(1), 0), RangeError);
  t.throws(() => new BitString(new Uint8Array(0), 1), RangeError);
});

t.test('after an error the writer holds what it held before', async (t) => {
  const writer = new ByteWriter();
  writer.u8(1);
  t.throws(() => encodeTerm(writer, tuple(1, 2, undefined as unknown as Term)), TermError);
  t.equal(hex(writer.view()), '01');
});

t.test('an integer is written the same from a number and a bigint', async (t) => {
  for (const value of [0, 255, 256, -1, 2 ** 31, -(2 ** 31), 2 ** 40, 2 ** 48, 2 ** 53 - 1]) {
    t.equal(hex(encodeExternal(BigInt(value))), hex(encodeExternal(value)), String(value));
    t.equal(hex(encodeExternal(BigInt(-value))), hex(encodeExternal(-value)), String(-value));
  }
});

t.test('a sink may write atoms and node names in its own form', async (t) => {
  const sink = {
    writeAtom(writer: ByteWriter, name: string) {
      if (name !== 'cached') return false;
      writer.u8(82);
      writer.u8(3);
      return true;
    },
  };
  const writer = new ByteWriter();
  encodeTerm(writer, tuple(atom('cached'), atom('a'), new Pid('cached', 1, 2, 3)), sink);
  t.equal(hex(writer.view()), '68035203770161585203000000010000000200000003');
});

t.test('nesting up to the cap is written, beyond it refused', async (t) => {
  const wraps: readonly ((term: Term) => Term)[] = [
    (term) => tuple(term),
    (term) => [term],
    (term) => new ImproperList([term], 1),
    (term) => new ErlangMap([[1, term]]),
  ];
  for (const wrap of wraps) {
    let term: Term = atom('x');
    for (let i = 0; i < MAX_TERM_DEPTH; i++) term = wrap(term);
    t.ok(encodeExternal(term));
    t.throws(() => encodeExternal(wrap(term)), { code: 'limit_exceeded' });
  }
});
