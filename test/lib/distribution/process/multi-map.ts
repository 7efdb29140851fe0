import { test } from 'tap';
import { MultiMap } from '../../../../lib/distribution/process/multi-map.ts';

test('keeps several values per key and forgets empty keys', (t) => {
  const map = new MultiMap<number>();
  map.add('a', 1);
  map.add('a', 2);
  map.add('a', 2);
  map.add('b', 3);
  t.equal(map.count('a'), 2);
  t.equal(map.size, 2);
  map.delete('b', 9);
  map.delete('b', 3);
  map.delete('c', 1);
  t.equal(map.size, 1);
  t.same(map.take('a'), [1, 2]);
  t.same(map.take('a'), []);
  t.equal(map.size, 0);
  t.equal(map.count('a'), 0);
  t.end();
});
