import { test } from 'tap';
import { ReferenceMap } from '../../../../lib/distribution/process/reference-map.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';

const ref = (...words: number[]): Reference => new Reference('a@x', 1, words);

test('holds one value for each reference, found by equal ones', (t) => {
  const map = new ReferenceMap<string>();
  map.set(ref(1, 2, 3), 'a');
  map.set(ref(1, 2, 4), 'b');
  t.equal(map.get(ref(1, 2, 3)), 'a');
  t.equal(map.get(ref(1, 2, 4)), 'b');
  t.equal(map.get(ref(1, 2, 5)), undefined);
  map.set(ref(1, 2, 3), 'c');
  t.equal(map.get(ref(1, 2, 3)), 'c');
  t.equal(map.size, 2);
  t.same([...map.values()].sort(), ['b', 'c']);
  t.end();
});

test('tells references of other nodes, incarnations and lengths apart', (t) => {
  const map = new ReferenceMap<number>();
  const all = [
    new Reference('a@x', 1, [0, 7]),
    new Reference('b@x', 1, [0, 7]),
    new Reference('a@x', 2, [0, 7]),
    new Reference('a@x', 1, [7]),
    new Reference('a@x', 1, [0, 0, 7]),
  ];
  for (const [at, each] of all.entries()) map.set(each, at);
  t.equal(map.size, all.length);
  for (const [at, each] of all.entries()) t.equal(map.get(each), at);
  t.end();
});

test('references that collide are taken out in any order', (t) => {
  // 31 + 31 * 0 and 0 + 31 * 1 are the same hash, and so are those of other nodes.
  const all = [ref(31, 0), ref(0, 1), new Reference('b@x', 1, [31, 0])];
  for (const first of [0, 1, 2]) {
    const map = new ReferenceMap<number>();
    for (const [at, each] of all.entries()) map.set(each, at);
    t.equal(map.delete(all[first]!), first);
    t.equal(map.delete(all[first]!), undefined);
    for (const [at, each] of all.entries()) t.equal(map.get(each), at === first ? undefined : at);
    for (const each of all) map.delete(each);
    t.equal(map.size, 0);
    t.same([...map.values()], []);
  }
  t.end();
});

test('holds many, and becomes small again', (t) => {
  const map = new ReferenceMap<number>();
  for (let i = 0; i < 10_000; i += 1) map.set(ref(i, i >> 3, 0), i);
  t.equal(map.size, 10_000);
  for (let i = 0; i < 10_000; i += 1) if (map.get(ref(i, i >> 3, 0)) !== i) t.fail(`${i} is there`);
  for (let i = 0; i < 9_999; i += 1)
    if (map.delete(ref(i, i >> 3, 0)) !== i) t.fail(`${i} is gone`);
  t.equal(map.size, 1);
  t.same([...map.values()], [9_999]);
  t.end();
});
