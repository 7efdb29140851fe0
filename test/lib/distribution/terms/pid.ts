import t from 'tap';
import { comparePids, Pid } from '../../../../lib/distribution/terms/pid.ts';

const PARTS: readonly (readonly [string, number, number, number])[] = [
  ['a@h', 1, 2, 3],
  ['b@h', 1, 2, 3],
  ['a@h', 12, 2, 3],
  ['a@h', 1, 22, 3],
  ['a@h', 1, 2, 33],
];

t.test('is equal, with an equal key, exactly when all parts are', async (t) => {
  for (const [i, a] of PARTS.entries()) {
    for (const [j, b] of PARTS.entries()) {
      const [one, other] = [new Pid(...a), new Pid(...b)];
      t.equal(one.equals(other), i === j);
      t.equal(one.key === other.key, i === j);
    }
  }
});

t.test('a key has no two readings', async (t) => {
  t.not(new Pid('a@h', 1, 23, 4).key, new Pid('a@h', 12, 3, 4).key);
  t.not(new Pid('4@a@h', 1, 2, 3).key, new Pid('a@h', 1, 2, 34).key);
});

t.test('prints the name of its node, not an index that only one node knows', async (t) => {
  t.equal(`${new Pid('a@h', 83, 1, 7)}`, '<a@h.83.1>');
});

t.test('sorts as OTP 25.2.3 does with lists:sort/1', async (t) => {
  const sorted = [
    new Pid('Z@h', 1, 0, 1),
    new Pid('a@h', 1, 0, 1),
    new Pid('a@h', 1, 0, 2),
    new Pid('a@hh', 1, 0, 1),
    new Pid('b@h', 1, 0, 1),
    new Pid('a@h', 2, 0, 1),
    new Pid('a@h', 268435455, 0, 1),
    new Pid('a@h', 1, 1, 1),
  ];
  const backward = [...sorted].reverse().sort(comparePids);
  t.strictSame(backward.map(String), sorted.map(String));
  for (const pid of sorted)
    t.equal(comparePids(pid, new Pid(pid.node, pid.id, pid.serial, pid.creation)), 0);
});

t.test('names beyond ASCII sort by their bytes', async (t) => {
  // In UTF-16 the second would come first.
  t.ok(comparePids(new Pid('\uffee@h', 1, 0, 1), new Pid('😀@h', 1, 0, 1)) < 0);
});
