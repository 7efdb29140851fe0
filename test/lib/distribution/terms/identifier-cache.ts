import { test } from 'tap';
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
