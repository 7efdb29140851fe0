import t from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import { ByteWriter } from '../../../../lib/distribution/bytes/writer.ts';
import {
  readPidAfter,
  readPortAfter,
  readReferenceAfter,
  writePid,
  writePort,
  writeReference,
} from '../../../../lib/distribution/terms/identifier-codec.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Port } from '../../../../lib/distribution/terms/port.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';

// Captured forms, old ones too, are in the tests of the decoder; here are the edges.

function written(write: (writer: ByteWriter) => void): ByteReader {
  const writer = new ByteWriter();
  write(writer);
  return new ByteReader(writer.take());
}

t.test('a pid comes back with 32 bits in each of its numbers', async (t) => {
  const pid = new Pid('a@h', 0xffffffff, 0xffffffff, 0xffffffff);
  const reader = written((writer) => writePid(writer, pid, undefined));
  t.ok(readPidAfter(reader.u8(), reader, undefined)?.equals(pid));
  t.equal(reader.remaining, 0);
});

t.test('a reference comes back with one to five words', async (t) => {
  for (let count = 1; count <= 5; count += 1) {
    const ref = new Reference(
      'a@h',
      7,
      Array.from({ length: count }, (_, i) => 0xffffffff - i),
    );
    const reader = written((writer) => writeReference(writer, ref, undefined));
    t.ok(readReferenceAfter(reader.u8(), reader, undefined)?.equals(ref));
    t.equal(reader.remaining, 0);
  }
});

t.test('more words than OTP allows are refused before they are read', async (t) => {
  const reader = new ByteReader(Uint8Array.of(0xff, 0xff));
  t.throws(() => readReferenceAfter(90, reader, undefined), {
    code: 'invalid_term',
    context: { offset: 0 },
  });
});

t.test('a port takes the longer form only when its id needs it', async (t) => {
  for (const [id, tag] of [
    [0n, 89],
    [0xfffffffn, 89],
    [0x10000000n, 120],
    [2n ** 64n - 1n, 120],
  ] as const) {
    const port = new Port('a@h', id, 7);
    const reader = written((writer) => writePort(writer, port, undefined));
    const read = reader.u8();
    t.equal(read, tag);
    t.ok(readPortAfter(read, reader, undefined)?.equals(port));
    t.equal(reader.remaining, 0);
  }
});

t.test('another tag is left to the caller', async (t) => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 3));
  for (const read of [readPidAfter, readReferenceAfter, readPortAfter]) {
    t.equal(read(97, reader, undefined), undefined);
  }
  t.equal(reader.offset, 0);
});
