import { runInNewContext } from 'node:vm';
import t from 'tap';
import {
  atom,
  BitString,
  binary,
  ErlangMap,
  Float,
  float,
  ImproperList,
  Pid,
  Reference,
  type Term,
  tuple,
} from '../../../lib/distribution/index.ts';
import { decodeExternal } from '../../../lib/distribution/terms/decode.ts';
import { encodeExternal } from '../../../lib/distribution/terms/encode.ts';
import { fromTerm, MessageError, toTerm } from '../../../lib/pubsub/message-terms.ts';
import { randomTerm } from '../../support/random-terms.ts';
import { seededRandom } from '../../support/seeded-random.ts';

/** A message as another node gets it. */
const sent = (message: unknown): unknown =>
  fromTerm(decodeExternal(encodeExternal(toTerm(message))));

t.test('each kind of value has its term, and is what comes back', async (t) => {
  const pairs: readonly (readonly [unknown, Term])[] = [
    ['', binary('')],
    ['héllo 🐘', binary('héllo 🐘')],
    ['\ufeffa', binary('\ufeffa')],
    [0, 0],
    [-(2 ** 53 - 1), -(2 ** 53 - 1)],
    [2n ** 53n, 2n ** 53n],
    [-(10n ** 40n), -(10n ** 40n)],
    [1.5, 1.5],
    [-0, new Float(-0)],
    [2 ** 53, new Float(2 ** 53)],
    [1e300, new Float(1e300)],
    [true, atom('true')],
    [false, atom('false')],
    [null, atom('nil')],
    [[], []],
    [
      [1, 'a', [2]],
      [1, binary('a'), [2]],
    ],
    [{}, new ErlangMap([])],
    [{ count: 1 }, new ErlangMap([[atom('count'), 1]])],
    [new Map([['a', 1]]), new ErlangMap([[binary('a'), 1]])],
    [
      new Map<unknown, unknown>([
        [1, 'x'],
        [atom('k'), null],
      ]),
      new ErlangMap([
        [1, binary('x')],
        [atom('k'), atom('nil')],
      ]),
    ],
    [new Uint8Array([0xff, 0]), new Uint8Array([0xff, 0])],
  ];
  for (const [value, term] of pairs) {
    t.strictSame(toTerm(value), term);
    t.strictSame(sent(value), value);
  }
});

t.test('terms that are no values are passed as they are, whatever is in them', async (t) => {
  const terms: Term[] = [
    atom('ok'),
    atom('undefined'),
    tuple(),
    tuple(atom('true'), binary('text'), new ErlangMap([[atom('a'), binary('b')]])),
    new Pid('a@h', 1, 2, 3),
    new Reference('a@h', 1, [2, 3, 4]),
    new ImproperList([1], 2),
    new BitString(new Uint8Array([0x80]), 1),
  ];
  for (const term of terms) {
    t.equal(toTerm(term), term);
    t.equal(fromTerm(term), term);
    t.strictSame(sent({ in: [term] }), { in: [term] });
  }
});

t.test('what is the same on the other side comes back in one form', async (t) => {
  t.equal(sent(5n), 5);
  t.equal(fromTerm(float(1)), 1);
  t.equal(sent(new Uint8Array([104, 105])), 'hi');
  t.equal(sent(Buffer.from('hi')), 'hi');
  t.strictSame([sent(atom('true')), sent(atom('nil'))], [true, null]);
  t.strictSame(sent(new Map([[atom('a'), 1]])), { a: 1 }, 'all keys are atoms');
  t.strictSame(sent(new Map()), {});
  t.equal(sent('\ud800'), '\ufffd');
});

t.test('a struct is an object that names it', async (t) => {
  const broadcast = new ErlangMap([
    [atom('__struct__'), atom('Elixir.Phoenix.Socket.Broadcast')],
    [atom('event'), binary('new')],
    [atom('payload'), new ErlangMap([[binary('user'), 1]])],
  ]);
  const message = {
    __struct__: atom('Elixir.Phoenix.Socket.Broadcast'),
    event: 'new',
    payload: new Map([['user', 1]]),
  };
  t.strictSame(fromTerm(broadcast), message);
  t.strictSame(toTerm(message), broadcast);
});

t.test('values of another realm are values all the same', async (t) => {
  const foreign = runInNewContext('({ a: [1, { b: null }], m: new Map([["k", 1]]) })');
  t.strictSame(sent(foreign), { a: [1, { b: null }], m: new Map([['k', 1]]) });
  t.throws(() => toTerm(runInNewContext('new Date(0)')), { code: 'unmappable' });
  t.throws(() => toTerm(runInNewContext('new (class Own {})()')), { code: 'unmappable' });
});

t.test('a property that is undefined is left out', async (t) => {
  t.strictSame(sent({ a: undefined, b: [{ c: undefined }] }), { b: [{}] });
});

t.test('keys that mean something to JavaScript are keys like others', async (t) => {
  const hostile = JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"toString":3}');
  const received = sent(hostile) as object;
  t.strictSame(Object.entries(received), Object.entries(hostile));
  t.equal(Object.getPrototypeOf(received), Object.prototype);
  t.notOk('polluted' in {});
});

t.test('keys that differ as terms alone leave a map as it is', async (t) => {
  const map = new ErlangMap([
    [1, atom('a')],
    [float(1), atom('b')],
  ]);
  t.equal(fromTerm(map), map);
});

t.test('bytes are a copy, independent of the connection', async (t) => {
  const bytes = new Uint8Array([1, 0xff, 2]);
  const message = fromTerm(bytes.subarray(0, 2)) as Uint8Array;
  t.strictSame(message, new Uint8Array([1, 0xff]));
  t.not(message.buffer, bytes.buffer);
});

t.test('what has no form is named, with its place', async (t) => {
  class Own {}
  const circular: unknown[] = [];
  circular.push(circular);
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /^expected a value that has a form as a term, got undefined$/],
    [() => {}, /got a function$/],
    [Symbol('s'), /got a symbol$/],
    [Number.NaN, /^expected a finite number, got NaN$/],
    [-Infinity, /got -Infinity$/],
    [new Date(0), /^expected a plain object, got an instance of Date$/],
    [new Own(), /an instance of Own$/],
    [new Set(), /an instance of Set$/],
    [[1, undefined], /at message\[1\]$/],
    [
      { a: [{ b: Number.NaN }] },
      /^expected a finite number, got NaN at message\["a"\]\[0\]\["b"\]$/,
    ],
    [{ ['k'.repeat(256)]: 1 }, /^expected a key of at most 255 characters, got one of 256/],
    [new Map([['k', () => {}]]), /at message\["k"\]$/],
    [
      new Map<unknown, unknown>([
        ['a', 1],
        [binary('a'), 2],
      ]),
      /^expected a Map whose keys differ as terms/,
    ],
    [circular, /^expected at most 500 nested values/],
  ];
  for (const [value, message] of cases) {
    t.throws(() => toTerm(value), { name: 'MessageError', code: 'unmappable', message });
  }
  t.strictSame(new MessageError('x', ['a', 1]).path, ['a', 1]);
});

t.test('no term of a peer makes the way in fail, and what came in can go out', async (t) => {
  const random = seededRandom(7);
  for (let round = 0; round < 3_000; round += 1) {
    const message = fromTerm(randomTerm(random, 6));
    encodeExternal(toTerm(message));
  }
  let deep: Term = [];
  for (let depth = 0; depth < 900; depth += 1) {
    deep = depth % 2 === 0 ? [deep] : new ErlangMap([[atom('a'), deep]]);
  }
  t.ok(fromTerm(deep));
});

t.test('any JSON-like value arrives as it was sent', async (t) => {
  const random = seededRandom(3);
  const value = (depth: number): unknown => {
    switch (random.below(depth > 0 ? 8 : 6)) {
      case 0:
        return random.below(2) === 0;
      case 1:
        return null;
      case 2:
        return random.below(1_000_000) - 500_000;
      case 3:
        return random.below(1_000_000) / 7;
      case 4:
        return Buffer.from(random.bytes(random.below(20))).toString('latin1');
      case 5:
        return 2n ** 64n + BigInt(random.below(1_000));
      case 6:
        return Array.from({ length: random.below(5) }, () => value(depth - 1));
      default:
        return Object.fromEntries(
          Array.from({ length: random.below(5) }, (_, at) => [`k${at}é`, value(depth - 1)]),
        );
    }
  };
  for (let round = 0; round < 500; round += 1) {
    const message = value(5);
    t.strictSame(sent(message), message);
  }
});
