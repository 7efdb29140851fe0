import t from 'tap';
import {
  Certainty,
  isCertainty,
  KEY_LIFETIME_MS,
  type KeyRecord,
  KeyTable,
} from '../../../lib/counter/key-table.ts';

const { PREPARED, COUNTED, TOLD } = Certainty;

const record = (value: number, expiresAt: number, certainty: Certainty = COUNTED): KeyRecord => ({
  ...{ value, expiresAt, certainty },
});

t.test('a key is remembered for ten minutes, and no longer', async (t) => {
  const keys = new KeyTable();
  keys.set('a', 7, 1000, COUNTED);
  t.equal(keys.get('a', 1000 + KEY_LIFETIME_MS - 1)?.value, 7);
  t.equal(keys.get('a', 1000 + KEY_LIFETIME_MS), undefined);
  keys.set('b', 8, 1000 + KEY_LIFETIME_MS, COUNTED);
  t.equal(keys.size, 1, 'what has expired is forgotten at the next key');
});

t.test('no more than the limit are remembered, the oldest are forgotten first', async (t) => {
  const keys = new KeyTable(3);
  for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) keys.set(key, at, at, COUNTED);
  t.strictSame(
    [...keys.entries()].map(([key]) => key),
    ['b', 'c', 'd'],
  );
  keys.set('b', 9, 9, COUNTED);
  keys.set('e', 10, 10, COUNTED);
  t.strictSame(
    [...keys.entries()].map(([key]) => key),
    ['d', 'b', 'e'],
    'a key set again is young',
  );
  for (const key of ['f', 'g', 'h', 'i']) keys.note(key, record(1, 10 + KEY_LIFETIME_MS), 10);
  t.equal(keys.size, 3, 'nor by noting what others counted');
});

t.test('tables merge to the same, whichever comes first', async (t) => {
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
      ['b', 2],
    ],
    'in the order of age',
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

t.test('the surer answer is kept, whichever comes first', async (t) => {
  const cases: readonly (readonly [string, KeyRecord, KeyRecord])[] = [
    ['counted, not prepared', record(5, 10, COUNTED), record(9, 20, PREPARED)],
    ['told, not counted', record(5, 10, TOLD), record(9, 20, COUNTED)],
    ['told, though the other is later', record(5, 10, TOLD), record(9, 20, PREPARED)],
    ['of two that were told the first', record(9, 10, TOLD), record(5, 20, TOLD)],
    ['of two that were counted the last', record(5, 20, COUNTED), record(9, 10, COUNTED)],
    ['at the same time the smaller one', record(5, 10, TOLD), record(9, 10, TOLD)],
  ];
  for (const [title, surer, other] of cases) {
    for (const records of [
      [surer, other],
      [other, surer],
    ]) {
      const [merged, noted] = [new KeyTable(), new KeyTable()];
      for (const one of records) {
        merged.merge([['k', one]]);
        noted.note('k', one, 0);
      }
      t.strictSame(merged.get('k', 0), surer, title);
      t.strictSame(noted.get('k', 0), surer, title);
    }
  }
});

t.test('noting a record says which answer stands', async (t) => {
  const keys = new KeyTable();
  keys.merge([['k', record(5, 20, TOLD)]]);
  t.equal(keys.note('k', record(9, 20, COUNTED), 0).value, 5);
  t.equal(keys.note('k', record(9, 60, COUNTED), 30).value, 9, 'unless that has expired');
});

t.test('a certainty is one of three', async (t) => {
  t.strictSame([0, 1, 2, 3, -1, '1', undefined].map(isCertainty), [
    ...[true, true, true],
    ...[false, false, false, false],
  ]);
});
