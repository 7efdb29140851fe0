import t from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import { ByteWriter } from '../../../../lib/distribution/bytes/writer.ts';
import {
  readIntegerAfter,
  writeInteger,
} from '../../../../lib/distribution/terms/integer-codec.ts';

function roundTrip(value: number | bigint): number | bigint | undefined {
  const writer = new ByteWriter();
  writeInteger(writer, value);
  const reader = new ByteReader(writer.view());
  return readIntegerAfter(reader.u8(), reader, 65_536);
}

t.test('values around every power of 256 come back with their type', async (t) => {
  for (let bytes = 1n; bytes <= 10n; bytes++) {
    for (const delta of [-1n, 0n, 1n]) {
      const value = 256n ** bytes + delta;
      for (const signed of [value, -value]) {
        const isSafe = Number.isSafeInteger(Number(signed));
        t.equal(roundTrip(signed), isSafe ? Number(signed) : signed);
      }
    }
  }
});

t.test('a sign other than 0 and 1 is refused', async (t) => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 5));
  t.throws(() => readIntegerAfter(110, reader, 10), { code: 'invalid_term' });
});

t.test('another tag is left to the caller', async (t) => {
  const reader = new ByteReader(Uint8Array.of(1));
  t.equal(readIntegerAfter(109, reader, 10), undefined);
  t.equal(reader.offset, 0);
});
