import t from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import { TermError } from '../../../../lib/distribution/errors.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { decodeExternal, decodeTerm } from '../../../../lib/distribution/terms/decode.ts';
import { encodeExternal } from '../../../../lib/distribution/terms/encode.ts';
import { ErlangMap } from '../../../../lib/distribution/terms/erlang-map.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Port } from '../../../../lib/distribution/terms/port.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import {
  BitString,
  ExternalFun,
  Float,
  ImproperList,
  OpaqueFun,
  type Term,
  tuple,
} from '../../../../lib/distribution/terms/term.ts';
import { termEquals } from '../../../../lib/distribution/terms/term-equals.ts';
import { capturedTerms } from '../../../support/otp-terms.ts';
import { randomTerm } from '../../../support/random-terms.ts';
import { mutate, seededRandom } from '../../../support/seeded-random.ts';

const captured = capturedTerms();
const bytesOf = (hex: string) => Buffer.from(hex, 'hex');
const decodeHex = (hex: string) => decodeExternal(bytesOf(hex));

/** The value expected for the captured bytes of a source text or a name. */
const EXPECTED: Readonly<Record<string, Term>> = {
  '0': 0,
  '255': 255,
  '-1': -1,
  '-2147483648': -(2 ** 31),
  '2147483648': 2 ** 31,
  '9007199254740991': Number.MAX_SAFE_INTEGER,
  '9007199254740992': 9007199254740992n,
  '-9007199254740992': -9007199254740992n,
  '-576460752303423487': -576460752303423487n,
  '18446744073709551615': 18446744073709551615n,
  '1 bsl 2040': 1n << 2040n,
  '-(1 bsl 2100)': -(1n << 2100n),
  '1.0': new Float(1),
  '-0.0': new Float(-0),
  '1.5': 1.5,
  "''": atom(''),
  "'Elixir.Counter'": atom('Elixir.Counter'),
  "'日本'": atom('日本'),
  '{}': tuple(),
  '{a,{b,{c}}}': tuple(atom('a'), tuple(atom('b'), tuple(atom('c')))),
  '[]': [],
  '[0,255]': [0, 255],
  '[1,256]': [1, 256],
  '[a|b]': new ImproperList([atom('a')], atom('b')),
  '[a,b|c]': new ImproperList([atom('a'), atom('b')], atom('c')),
  '<<>>': new Uint8Array(0),
  '<<1,2,3>>': Uint8Array.of(1, 2, 3),
  '<<1,2:3>>': new BitString(Uint8Array.of(1, 0x40), 3),
  '#{1 => a,1.0 => b}': new ErlangMap([
    [1, atom('a')],
    [new Float(1), atom('b')],
  ]),
  'fun lists:map/2': new ExternalFun('lists', 'map', 2),
  'pid of 32-bit id and serial': new Pid('n@1.2.3.4', 0xffffffff, 0xfffffffe, 0xfffffffd),
  'reference of 5 words': new Reference('n@1.2.3.4', 7, [1, 2, 3, 4, 5]),
  'port of 64 bits': new Port('n@1.2.3.4', 0xffffffffffffffffn, 7),
  PID_EXT: new Pid('n@h', 83, 1, 3),
  NEW_REFERENCE_EXT: new Reference('n@h', 3, [1, 2, 3]),
  REFERENCE_EXT: new Reference('n@h', 3, [1]),
  PORT_EXT: new Port('n@h', 5n, 3),
  ATOM_EXT: atom('aé'),
  SMALL_ATOM_EXT: atom('aé'),
  FLOAT_EXT: 1.5,
  'negative zero as an integer': 0,
  'LIST_EXT of no elements': atom('ok'),
  'LIST_EXT continued by LIST_EXT': [atom('a'), atom('b')],
  'LIST_EXT continued by STRING_EXT': [atom('a'), 1, 2],
  'BIT_BINARY_EXT of whole bytes': Uint8Array.of(5),
};

t.test('captured bytes decode to the term of their source', async (t) => {
  const forms = [...captured.identifiers, ...captured.old].map((f) => [f.name, f.bytes] as const);
  const terms = captured.terms.flatMap((c) => ('hex' in c ? [[c.source, c.hex] as const] : []));
  const decoded = new Map([...terms, ...forms].map(([name, hex]) => [name, decodeHex(hex)]));
  for (const [name, term] of Object.entries(EXPECTED)) t.strictSame(decoded.get(name), term, name);
});

t.test('every captured form is read, and written as OTP writes it', async (t) => {
  for (const { source, ...form } of captured.terms) {
    if ('hex' in form) t.same(encodeExternal(decodeHex(form.hex)), bytesOf(form.hex), source);
  }
  for (const { name, bytes, hex } of [...captured.identifiers, ...captured.old]) {
    t.same(encodeExternal(decodeHex(bytes)), bytesOf(hex), name);
  }
});

t.test('refuses what OTP refuses', async (t) => {
  for (const { name, bytes } of captured.refused) t.throws(() => decodeHex(bytes), TermError, name);
});

t.test('refuses forms that have no place on a connection', async (t) => {
  t.throws(() => decodeHex('835000000002789c4b64000000c40062'), { code: 'unknown_tag' });
  t.throws(() => decodeHex('8379000000006a'), { code: 'unknown_tag' });
  t.throws(() => decodeHex('8343000000000077016d77016e'), { code: 'unknown_tag' });
});

t.test('keeps every part of a closure but its size', async (t) => {
  const source = captured.terms.find((c) => c.source === 'fun(X) -> X end');
  const bytes = bytesOf(source !== undefined && 'hex' in source ? source.hex : '');
  const wrongSize = Buffer.from(bytes);
  wrongSize.writeUInt32BE(1, 2);
  const fun = decodeExternal(wrongSize);
  t.ok(fun instanceof OpaqueFun && fun.parts.module === 'erl_eval');
  t.same(encodeExternal(fun), bytes);
});

t.test('a term cut at any length is refused with a TermError', async (t) => {
  const random = seededRandom(1);
  const whole = [...captured.terms.flatMap((c) => ('hex' in c ? [bytesOf(c.hex)] : []))];
  for (let i = 0; i < 30; i++) whole.push(Buffer.from(encodeExternal(randomTerm(random, 2))));
  // The work grows with the square of the length.
  for (const bytes of whole.filter((bytes) => bytes.length < 1500)) {
    for (let end = 0; end < bytes.length; end++) {
      try {
        decodeExternal(bytes.subarray(0, end));
        t.fail(`${bytes.toString('hex')} was accepted without its end from ${end} on`);
      } catch (error) {
        if (!(error instanceof TermError)) throw error;
      }
    }
  }
});

t.test('mutated bytes decode or are refused with a TermError', async () => {
  const random = seededRandom(2);
  for (let i = 0; i < 2000; i++) {
    const bytes = mutate(encodeExternal(randomTerm(random, 3)), random);
    try {
      encodeExternal(decodeExternal(bytes));
    } catch (error) {
      if (!(error instanceof TermError)) throw error;
    }
  }
});

t.test('random terms come back as they were', async (t) => {
  const random = seededRandom(3);
  for (let i = 0; i < 500; i++) {
    const term = randomTerm(random, 4);
    const bytes = encodeExternal(term);
    const decoded = decodeExternal(bytes);
    if (!termEquals(decoded, term)) t.strictSame(decoded, term, `term ${i} of seed 3`);
    if (Buffer.compare(encodeExternal(decoded), bytes) !== 0) t.fail(`bytes ${i} of seed 3`);
  }
});

t.test('a term must fill its bytes, but decodeTerm stops behind it', async (t) => {
  t.throws(() => decodeHex('836a6a'), { code: 'trailing_bytes', context: { offset: 2 } });
  const reader = new ByteReader(bytesOf('61056a'));
  t.equal(decodeTerm(reader), 5);
  t.same(decodeTerm(reader), []);
  t.equal(reader.remaining, 0);
});

t.test('atoms may refer to the atoms of the distribution header', async (t) => {
  const bytes = bytesOf('680252015200');
  const options = { atomCache: ['a', 'b'] };
  t.strictSame(decodeTerm(new ByteReader(bytes), options), tuple(atom('b'), atom('a')));
  const pid = decodeTerm(new ByteReader(bytesOf('585200000000010000000200000003')), options);
  t.strictSame(pid, new Pid('a', 1, 2, 3));
  t.throws(() => decodeTerm(new ByteReader(bytesOf('5202')), options), { code: 'invalid_term' });
});

t.test('binaries are views onto the input', async (t) => {
  const bytes = bytesOf('836d0000000101');
  const binary = decodeExternal(bytes);
  bytes[6] = 7;
  t.strictSame(binary, Uint8Array.of(7));
});

t.test('unused bits of a bitstring do not count', async (t) => {
  const clean = decodeHex('834d0000000103e0');
  const dirty = decodeHex('834d0000000103ff');
  t.ok(termEquals(clean, dirty));
  t.same(encodeExternal(dirty), bytesOf('834d0000000103e0'));
});

t.test('counts beyond the bytes present are refused before anything is allocated', async (t) => {
  for (const hex of [
    '8369ffffffff6a',
    '836cffffffff6a6a',
    '8374ffffffff6a6a',
    '83740000000261016a',
    '836dffffffff00',
    '834dffffffff0100',
    '836bffff00',
    '836f0000ffff00ff',
    `83700000000001${'00'.repeat(16)}00000000ffffffff`,
  ]) {
    t.throws(() => decodeHex(hex), { code: 'truncated' }, hex);
  }
});

t.test('maxTerms bounds the terms of a message, bytes of strings included', async (t) => {
  const limits = { maxTerms: 4 };
  t.ok(decodeExternal(bytesOf('8368036a6a6a'), { limits }));
  const refused = { code: 'limit_exceeded' };
  t.throws(() => decodeExternal(bytesOf('8368046a6a6a6a'), { limits }), refused);
  t.throws(() => decodeExternal(bytesOf('836b000401020304'), { limits }), refused);
  t.throws(() => decodeExternal(bytesOf('8374000000026101610161026a'), { limits }), refused);
});

t.test('maxBigIntBytes bounds the size of an integer', async (t) => {
  const limits = { maxBigIntBytes: 8 };
  t.equal(decodeExternal(bytesOf('836e0800ffffffffffffffff'), { limits }), 0xffffffffffffffffn);
  t.throws(() => decodeExternal(bytesOf('836e0900ffffffffffffffffff'), { limits }), {
    code: 'limit_exceeded',
  });
  t.throws(() => decodeHex(`836f0001000100${'ff'.repeat(65537)}`), { code: 'limit_exceeded' });
});

t.test('maxDepth bounds nesting, in every kind of container', async (t) => {
  const limits = { maxDepth: 2 };
  t.ok(decodeExternal(bytesOf('83680168016a'), { limits }));
  t.throws(() => decodeExternal(bytesOf('836801680168016a'), { limits }), {
    code: 'limit_exceeded',
  });
  const nestings = ['6801', '6c00000001', '74000000016101', '6c00000000'];
  for (const nesting of nestings) {
    const hex = `83${nesting.repeat(100_000)}6a`;
    if (nesting === '6c00000000') t.same(decodeHex(hex), [], 'a chain of tails is no nesting');
    else t.throws(() => decodeHex(hex), { code: 'limit_exceeded' }, nesting);
  }
});

t.test('a limit above the greatest depth does not raise it', async (t) => {
  const bytes = bytesOf(`83${'6801'.repeat(5000)}6a`);
  t.throws(() => decodeExternal(bytes, { limits: { maxDepth: 1e9 } }), { code: 'limit_exceeded' });
});

t.test('refuses a reference without words, which OTP 25 lets pass', async (t) => {
  t.throws(() => decodeHex('835a000077036e406800000007'), { code: 'invalid_term' });
});

t.test('refuses duplicate keys in small and large maps', async (t) => {
  for (const count of [2, 9, 100]) {
    const pairs = Array.from(
      { length: count - 1 },
      (_, i) => `61${i.toString(16).padStart(2, '0')}6a`,
    );
    const size = count.toString(16).padStart(8, '0');
    t.throws(() => decodeHex(`8374${size}${pairs.join('')}61006a`), { code: 'invalid_term' });
  }
});
