import t from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import { ByteWriter } from '../../../../lib/distribution/bytes/writer.ts';
import { readAtomName, writeAtomName } from '../../../../lib/distribution/terms/atom-codec.ts';

t.test('a name comes back whatever the length of its UTF-8', async (t) => {
  for (const name of ['', 'a', 'é', 'x'.repeat(255), 'é'.repeat(128), '😀'.repeat(255)]) {
    const writer = new ByteWriter();
    writeAtomName(writer, name);
    t.equal(readAtomName(new ByteReader(writer.view()), undefined), name);
  }
});

t.test('a binary before it that is only referred to stays there', async (t) => {
  for (const name of ['ok', 'é'.repeat(127), 'é'.repeat(128), 'é'.repeat(255)]) {
    const writer = new ByteWriter();
    writer.referFrom(1);
    writer.binary(Uint8Array.of(1, 2, 3));
    writeAtomName(writer, name);
    const reader = new ByteReader(Buffer.concat(writer.segments(0)));
    t.same([...reader.bytes(3)], [1, 2, 3]);
    t.equal(readAtomName(reader, undefined), name);
  }
});

t.test('characters are counted, not UTF-16 units or bytes', async (t) => {
  const writer = new ByteWriter();
  t.throws(() => writeAtomName(writer, '😀'.repeat(256)), { code: 'unencodable' });
  t.equal(writer.length, 0);
});

t.test('refuses another term where an atom must stand', async (t) => {
  const reader = new ByteReader(Uint8Array.of(97, 1));
  t.throws(() => readAtomName(reader, undefined), { code: 'invalid_term', context: { offset: 0 } });
});
