import { test } from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import { IdentifierCache } from '../../../../lib/distribution/terms/identifier-cache.ts';

test('an identifier that is read again is the same object, and no other', (t) => {
  const cache = new IdentifierCache();
  const pid = cache.pid('a@x', 7, 1, 3);
  t.equal(cache.pid('a@x', 7, 1, 3), pid);
  for (const other of [
    cache.pid('b@x', 7, 1, 3),
    cache.pid('a@x', 7 + 256, 1, 3),
    cache.pid('a@x', 7, 2, 3),
    cache.pid('a@x', 7, 1, 4),
  ]) {
    t.notOk(other.equals(pid));
  }
  const again = cache.pid('a@x', 7, 1, 3);
  t.not(again, pid, 'others took its place');
  t.ok(again.equals(pid));

  const reference = cache.reference('a@x', 3, 1, 2, 4);
  t.equal(cache.reference('a@x', 3, 1, 2, 4), reference);
  for (const other of [
    cache.reference('b@x', 3, 1, 2, 4),
    cache.reference('a@x', 4, 1, 2, 4),
    cache.reference('a@x', 3, 9, 2, 4),
    cache.reference('a@x', 3, 1, 9, 4),
    cache.reference('a@x', 3, 1, 2, 9),
  ]) {
    t.notOk(other.equals(reference));
  }
  t.end();
});

test('an atom that is spelled out again is the same object, and no other', (t) => {
  const cache = new IdentifierCache();
  const read = (text: string) => {
    const bytes = Buffer.from(text);
    const reader = new ByteReader(bytes);
    const atom = cache.atom(reader, bytes.length);
    t.equal(reader.remaining, 0);
    t.equal(atom.name, text);
    return atom;
  };
  const first = read('forward_to_local');
  t.equal(read('forward_to_local'), first);
  // Each has the hash of the first.
  for (const other of ['forward_to_remote'.slice(0, 16), 'O', 'fé_to_localities'.slice(0, 15)]) {
    t.not(read(other), first);
  }
  for (const name of ['', 'a', 'x'.repeat(255), 'é'.repeat(127), '\u{1f600}']) read(name);
  t.not(read('é'), read('é'), 'only ASCII is remembered');
  t.end();
});

test('an atom that is cut off, or no UTF-8, is an error as ever', (t) => {
  const cache = new IdentifierCache();
  cache.atom(new ByteReader(Buffer.from('ok')), 2);
  for (const [bytes, length, code] of [
    [Buffer.from('o'), 2, 'truncated'],
    [Buffer.alloc(0), 2, 'truncated'],
    [Buffer.of(0x6f, 0xff), 2, 'invalid_term'],
  ] as const) {
    const reader = new ByteReader(bytes);
    t.throws(() => cache.atom(reader, length), { code });
  }
  t.equal(cache.atom(new ByteReader(Buffer.from('ok')), 2).name, 'ok');
  t.end();
});
