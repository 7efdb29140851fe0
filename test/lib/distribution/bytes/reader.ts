import t from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import { TermError } from '../../../../lib/distribution/errors.ts';

t.test('reads big-endian numbers in order', async (t) => {
  const reader = new ByteReader(Buffer.from('01020304050607fffffffe8000000000000001', 'hex'));
  t.equal(reader.u8(), 1);
  t.equal(reader.u16(), 0x0203);
  t.equal(reader.u32(), 0x04050607);
  t.equal(reader.i32(), -2);
  t.equal(reader.u64(), 0x8000000000000001n);
  t.equal(reader.remaining, 0);
  t.equal(reader.offset, 19);
});

t.test('reads u32 above 2^31 unsigned', async (t) => {
  t.equal(new ByteReader(Uint8Array.of(255, 255, 255, 254)).u32(), 0xfffffffe);
});

t.test('reads doubles from a view that does not start at its buffer', async (t) => {
  const bytes = Buffer.alloc(11);
  bytes.writeDoubleBE(-1.5, 3);
  t.equal(new ByteReader(bytes.subarray(3)).f64(), -1.5);
});

t.test('stays within its range and counts offsets from the start of the bytes', async (t) => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4), 1, 3);
  t.equal(reader.offset, 1);
  t.equal(reader.peekU8(), 2);
  t.equal(reader.u16(), 0x0203);
  t.throws(() => reader.u8(), { code: 'truncated', context: { offset: 3 } });
  t.throws(() => new ByteReader(Uint8Array.of(1), 0, 2), RangeError);
  t.throws(() => new ByteReader(Uint8Array.of(1), 2), RangeError);
});

t.test('every read past the end is refused and moves nothing', async (t) => {
  const reads: ((reader: ByteReader) => unknown)[] = [
    (r) => r.u16(),
    (r) => r.u32(),
    (r) => r.i32(),
    (r) => r.u64(),
    (r) => r.f64(),
    (r) => r.bytes(2),
    (r) => r.utf8(2),
    (r) => r.latin1(2),
    (r) => r.skip(2),
  ];
  for (const read of reads) {
    const reader = new ByteReader(Uint8Array.of(65));
    t.throws(() => read(reader), TermError);
    t.equal(reader.offset, 0);
  }
  const empty = new ByteReader(new Uint8Array(0));
  t.throws(() => empty.u8(), { code: 'truncated' });
  t.throws(() => empty.peekU8(), { code: 'truncated' });
});

t.test('bytes are plain views, not copies', async (t) => {
  const input = Buffer.from([1, 2, 3]);
  const view = new ByteReader(input, 1).bytes(2);
  t.equal(view.constructor, Uint8Array);
  input[1] = 9;
  t.equal(view[0], 9);
});

t.test('reads text, short and long', async (t) => {
  for (const text of ['', 'abc', 'x'.repeat(100), 'é', '日本😀'.repeat(20), '\ufeffa']) {
    const bytes = Buffer.from(text);
    t.equal(new ByteReader(bytes).utf8(bytes.length), text);
    t.equal(new ByteReader(new Uint8Array(bytes)).utf8(bytes.length), text);
  }
  t.equal(new ByteReader(Uint8Array.of(97, 233)).latin1(2), 'aé');
});

t.test('moves past a text that is there as a whole, and past no other', async (t) => {
  const reader = new ByteReader(Buffer.from('abc'));
  t.equal(reader.skipText('ab'), true);
  t.equal(reader.offset, 2);
  for (const other of ['d', 'cd', 'C']) t.equal(reader.skipText(other), false);
  t.equal(reader.offset, 2);
  t.equal(reader.skipText(''), true);
  t.equal(reader.skipText('c'), true);
  t.equal(reader.remaining, 0);
});

t.test('refuses what is not strict UTF-8', async (t) => {
  for (const hex of ['ff', 'c080', 'eda080', 'e38182e3', 'f4908080']) {
    const bytes = Buffer.from(hex, 'hex');
    t.throws(() => new ByteReader(bytes).utf8(bytes.length), { code: 'invalid_term' }, hex);
  }
});

t.test('one reader serves for many pieces, and goes back and looks back within one', (t) => {
  const reader = new ByteReader(Uint8Array.of(1, 2));
  reader.u16();
  const bytes = Uint8Array.of(9, 8, 7, 6);
  reader.reset(bytes, 1, 3);
  t.equal(reader.remaining, 2);
  t.same([...reader.rest()], [8, 7]);
  t.equal(reader.u8(), 8);
  t.equal(reader.passed(1), 8);
  t.throws(() => reader.passed(2), RangeError);
  reader.rewind(1);
  t.equal(reader.u16(), 0x0807);
  t.throws(() => reader.u8(), { code: 'truncated' });
  t.throws(() => reader.rewind(4), RangeError);
  t.throws(() => reader.reset(bytes, 2, 5), RangeError);
  t.throws(() => reader.reset(bytes, 3, 2), RangeError);
  t.end();
});
