import t from 'tap';
import { ByteWriter } from '../../../../lib/distribution/bytes/writer.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

t.test('writes big-endian numbers, growing from any capacity', async (t) => {
  const writer = new ByteWriter(0);
  writer.u8(1);
  writer.u16(0x0203);
  writer.u32(0xfffffffe);
  writer.i32(-2);
  writer.u64(0x8000000000000001n);
  writer.f64(-1.5);
  writer.bytes(Uint8Array.of(7, 8));
  const expected = '010203fffffffefffffffe8000000000000001bff80000000000000708';
  t.equal(hex(writer.view()), expected);
  t.equal(writer.length, expected.length / 2);
});

t.test('refuses numbers that do not fit their field', async (t) => {
  const writer = new ByteWriter();
  const writes: (() => void)[] = [
    () => writer.u8(256),
    () => writer.u8(-1),
    () => writer.u8(0.5),
    () => writer.u16(65536),
    () => writer.u32(2 ** 32),
    () => writer.u32(-1),
    () => writer.u32(Number.NaN),
    () => writer.i32(2 ** 31),
    () => writer.u64(-1n),
    () => writer.u64(1n << 64n),
  ];
  for (const write of writes) t.throws(write, { code: 'unencodable' });
  t.equal(writer.length, 0);
});

t.test('writes text and says how many bytes it took', async (t) => {
  for (const text of ['', 'abc', 'x'.repeat(100), 'é', `${'a'.repeat(31)}é`, '日本😀'.repeat(20)]) {
    const writer = new ByteWriter(4);
    writer.u8(1);
    t.equal(writer.utf8(text), Buffer.byteLength(text));
    t.equal(Buffer.from(writer.view()).toString('utf8', 1), text);
  }
});

t.test('refuses lone surrogates and, as ASCII, other characters', async (t) => {
  const writer = new ByteWriter();
  t.throws(() => writer.utf8('a\ud800'), { code: 'unencodable' });
  t.throws(() => writer.ascii('é'), { code: 'unencodable' });
  t.equal(writer.length, 0);
  writer.ascii('rex');
  t.equal(hex(writer.view()), '726578');
});

t.test('fills in lengths afterwards, only where bytes were written', async (t) => {
  const writer = new ByteWriter();
  writer.u32(0);
  writer.u16(0);
  writer.u8(0);
  writer.patchU32(0, 0x01020304);
  writer.patchU16(4, 0x0506);
  writer.patchU8(6, 7);
  t.equal(hex(writer.view()), '01020304050607');
  t.throws(() => writer.patchU32(4, 0), RangeError);
  t.throws(() => writer.patchU16(-1, 0), RangeError);
  t.throws(() => writer.patchU16(0, 65536), { code: 'unencodable' });
});

t.test('truncates back to an earlier length', async (t) => {
  const writer = new ByteWriter();
  writer.u16(0x0102);
  writer.truncate(1);
  t.equal(hex(writer.view()), '01');
  t.throws(() => writer.truncate(2), RangeError);
});

t.test('taken bytes stay as they are when the writer goes on', async (t) => {
  for (const size of [3, 5000]) {
    const writer = new ByteWriter();
    writer.bytes(new Uint8Array(size).fill(1));
    const taken = writer.take();
    t.equal(writer.length, 0);
    writer.bytes(new Uint8Array(size).fill(2));
    t.equal(taken.length, size);
    t.ok(taken.every((byte) => byte === 1));
    t.ok(writer.view().every((byte) => byte === 2));
  }
});

t.test('refers to large binaries once it is told to', async (t) => {
  const writer = new ByteWriter(4);
  const [small, large] = [Uint8Array.of(1, 2), Uint8Array.of(3, 4, 5)];
  writer.binary(large);
  t.same(writer.segments(0), [Buffer.from(large)], 'a copy, until then');
  writer.referFrom(3);
  writer.binary(small);
  writer.binary(large);
  t.equal(writer.length, 5);
  t.equal(writer.referredBytes, 3);
  writer.binary(large);
  writer.u16(0x0607);
  const segments = writer.segments(3);
  t.equal(segments[1], large);
  t.equal(segments[2], large);
  t.equal(hex(Buffer.concat(segments)), '0102' + '030405' + '030405' + '0607');
  t.throws(() => writer.segments(8), RangeError);
  writer.truncate(4);
  t.equal(writer.referredBytes, 0, 'both stood behind the fifth byte');
  t.equal(hex(Buffer.concat(writer.segments(0))), '03040501');
});

t.test('a head of any length is put before what was written behind the room for it', (t) => {
  for (const room of [0, 2, 5]) {
    const writer = new ByteWriter(4);
    writer.ascii('ab');
    writer.skip(room);
    writer.ascii('terms');
    const head = new ByteWriter(1);
    head.ascii('>>>');
    writer.place(2, room, head);
    t.equal(Buffer.from(writer.view()).toString(), 'ab>>>terms', `room for ${room}`);
    writer.ascii('!');
    t.equal(Buffer.from(writer.cut(5)).toString(), 'terms!');
    t.equal(Buffer.from(writer.view()).toString(), 'ab>>>');
  }
  t.end();
});

t.test('clear keeps the buffer, handOver leaves it to whoever has its view', (t) => {
  const writer = new ByteWriter(8);
  writer.ascii('first');
  const first = writer.view();
  writer.handOver();
  t.equal(writer.length, 0);
  writer.ascii('other');
  t.equal(Buffer.from(first).toString(), 'first');
  const other = writer.view();
  writer.clear();
  writer.ascii('third');
  t.equal(Buffer.from(other).toString(), 'third');
  t.end();
});
