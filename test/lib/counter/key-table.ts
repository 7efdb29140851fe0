import t from 'tap';
import { KEY_LIFETIME_MS, KeyTable } from '../../../lib/counter/key-table.ts';

t.test('a key is remembered for ten minutes, and no longer', async (t) => {
  const keys = new KeyTable();
  keys.set('a', 7, 1000);
  t.equal(keys.get('a', 1000 + KEY_LIFETIME_MS - 1)?.value, 7);
  t.equal(keys.get('a', 1000 + KEY_LIFETIME_MS), undefined);
  keys.set('b', 8, 1000 + KEY_LIFETIME_MS);
  t.equal(keys.size, 1, 'what has expired is forgotten at the next key');
});

t.test('no more than the limit are remembered, the oldest are forgotten first', async (t) => {
  const keys = new KeyTable(3);
  for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) keys.set(key, at, at);
  t.strictSame(
    [...keys.entries()].map(([key]) => key),
    ['b', 'c', 'd'],
  );
  keys.set('b', 9, 9);
  keys.set('e', 10, 10);
  t.strictSame(
    [...keys.entries()].map(([key]) => key),
    ['d', 'b', 'e'],
    'a key set again is young',
  );
});

t.test('tables merge to the same, whichever comes first', async (t) => {
  const record = (value: number, expiresAt: number) => ({ value, expiresAt });
  const ours = [
    ['a', record(1, 10)],
    ['b', record(2, 20)],
  ] as const;
  const theirs = [
    ['b', record(5, 15)],
    ['c', record(3, 5)],
  ] as const;
  const [one, other] = [new KeyTable(), new KeyTable()];
  for (const records of [ours, theirs, ours]) one.merge(records);
  for (const records of [theirs, ours, theirs]) other.merge(records);
  t.strictSame([...one.entries()], [...other.entries()]);
  t.strictSame(
    [...one.entries()].map(([key, { value }]) => [key, value]),
    [
      ['c', 3],
      ['a', 1],
      ['b', 5],
    ],
    'in the order of age, the greater answer kept',
  );
  const small = new KeyTable(2);
  small.merge(ours);
  small.merge(theirs);
  t.strictSame(
    [...small.entries()].map(([key]) => key),
    ['a', 'b'],
    'within the limit',
  );
});
