import t from 'tap';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { decodeExternal } from '../../../../lib/distribution/terms/decode.ts';
import { encodeExternal } from '../../../../lib/distribution/terms/encode.ts';
import { ErlangMap } from '../../../../lib/distribution/terms/erlang-map.ts';
import { MAX_TERM_DEPTH } from '../../../../lib/distribution/terms/limits.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import {
  BitString,
  binary,
  Float,
  ImproperList,
  type Term,
  tuple,
} from '../../../../lib/distribution/terms/term.ts';
import { termEquals } from '../../../../lib/distribution/terms/term-equals.ts';
import { termKey } from '../../../../lib/distribution/terms/term-key.ts';
import { capturedTerms } from '../../../support/otp-terms.ts';
import { randomTerm } from '../../../support/random-terms.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

const SAME: readonly (readonly [Term, Term])[] = [
  [5, 5n],
  [0, -0],
  [1.5, new Float(1.5)],
  [binary('a'), Buffer.from('a')],
  [
    new ErlangMap([
      [1, 2],
      [3, 4],
    ]),
    new ErlangMap([
      [3, 4],
      [1, 2],
    ]),
  ],
  [new BitString(Uint8Array.of(0xe0), 3), new BitString(Uint8Array.of(0xff), 3)],
];

const DIFFERENT: readonly (readonly [Term, Term])[] = [
  [1, new Float(1)],
  [new Float(0), new Float(-0)],
  [atom('a'), binary('a')],
  [[97], binary('a')],
  [tuple(1, 2), [1, 2]],
  [tuple(tuple(1), 2), tuple(tuple(1, 2))],
  [tuple(atom('ab'), atom('c')), tuple(atom('a'), atom('bc'))],
  [new ImproperList([1], 2), [1, 2]],
  [
    [1, 2],
    [1, 3],
  ],
  [new Pid('a@b', 1, 2, 3), new Pid('a@b', 1, 2, 4)],
  [new BitString(Uint8Array.of(0xe0), 3), new BitString(Uint8Array.of(0xe0), 4)],
  [new ErlangMap([[1, 2]]), new ErlangMap([[1, 3]])],
  [[], new ErlangMap([])],
];

t.test('terms that are =:= have one key and are equal', async (t) => {
  for (const [a, b] of SAME) {
    t.equal(termKey(a), termKey(b));
    t.ok(termEquals(a, b));
  }
});

t.test('other terms have different keys and are not equal, either way round', async (t) => {
  for (const [a, b] of DIFFERENT) {
    t.not(termKey(a), termKey(b));
    t.notOk(termEquals(a, b));
    t.notOk(termEquals(b, a));
  }
});

t.test('no two captured terms share a key', async (t) => {
  const terms = capturedTerms().terms.flatMap((c) => ('hex' in c ? [c.hex] : []));
  const keys = terms.map((hex) => termKey(decodeExternal(Buffer.from(hex, 'hex'))));
  t.equal(new Set(keys).size, new Set(terms).size);
});

t.test('random terms are equal exactly when their keys are', async (t) => {
  const random = seededRandom(4);
  const terms = Array.from({ length: 300 }, () => randomTerm(random, 2));
  const copies = terms.map((term) => decodeExternal(encodeExternal(term)));
  for (const a of terms) {
    for (const b of copies) {
      if (termEquals(a, b) !== (termKey(a) === termKey(b))) t.strictSame(a, b);
    }
  }
  for (const [i, term] of terms.entries()) t.ok(termEquals(term, copies[i]!));
});

t.test('nesting up to the cap has a key, beyond it is refused', async (t) => {
  const nest = (depth: number) => {
    let term: Term = 1;
    for (let i = 0; i < depth; i++) term = tuple(term);
    return term;
  };
  t.ok(termKey(nest(MAX_TERM_DEPTH)));
  t.ok(termEquals(nest(MAX_TERM_DEPTH), nest(MAX_TERM_DEPTH)));
  t.throws(() => termKey(nest(MAX_TERM_DEPTH + 1)), { code: 'limit_exceeded' });
  t.throws(() => termEquals(nest(100_000), nest(100_000)), { code: 'limit_exceeded' });
});
