import { test } from 'tap';
import { GroupTable, subtract } from '../../../../../lib/distribution/kernel/pg/group-table.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { float, isTuple, type Term, tuple } from '../../../../../lib/distribution/terms/term.ts';

const pid = (id: number): Pid => new Pid('a@h', id, 0, 1);
const [P, Q, R] = [pid(1), pid(2), pid(3)];
const G = atom('g');

test('keeps the members of each owner apart, and shows those of all', async (t) => {
  const table = new GroupTable();
  table.add('x', G, [P, Q]);
  table.add('y', G, [R]);
  table.add('y', atom('h'), [R]);
  t.same(table.members(G), [P, Q, R]);
  t.same(table.membersOf('x', G), [P, Q]);
  t.same(table.membersOf('z', G), []);
  t.same(table.groups(), [G, atom('h')]);
  t.same(table.groupsOf('y'), [
    [G, [R]],
    [atom('h'), [R]],
  ]);
  t.same([table.memberships('x'), table.memberships('y'), table.memberships('z')], [2, 2, 0]);
  table.clear();
  t.same([table.groups(), table.members(G), table.memberships('x')], [[], [], 0]);
});

test('counts how often a process has joined', async (t) => {
  const table = new GroupTable();
  table.add('x', G, [P]);
  table.add('x', G, [P, P, Q]);
  t.same(table.members(G), [P, P, P, Q]);
  t.same(table.remove('x', G, [P]), [P]);
  t.same(table.members(G), [P, P, Q]);
  t.same(table.remove('x', G, [P, P, P]), [P, P], 'no more than there were');
  t.same(table.members(G), [Q]);
  t.same(table.remove('x', G, [P]), []);
  t.equal(table.memberships('x'), 1);
});

test('a group without members is no group', async (t) => {
  const table = new GroupTable();
  table.add('x', G, []);
  t.same(table.groups(), []);
  table.add('x', G, [P]);
  table.add('y', G, [Q]);
  table.remove('x', G, [P]);
  t.same(table.groups(), [G], 'the other owner has one');
  t.same(table.groupsOf('x'), []);
  table.remove('y', G, [Q]);
  t.same(table.groups(), []);
  t.same(table.remove('y', G, [Q]), []);
});

test('an array that was handed out does not change', async (t) => {
  const table = new GroupTable();
  table.add('x', G, [P]);
  const [all, own] = [table.members(G), table.membersOf('x', G)];
  table.add('x', G, [Q]);
  table.remove('x', G, [P]);
  t.same([all, own], [[P], [P]]);
  t.equal(table.members(G), table.members(G), 'and is made once');
});

test('forgets an owner as a whole', async (t) => {
  const table = new GroupTable();
  table.add('x', G, [P, P]);
  table.add('x', atom('h'), [Q]);
  table.add('y', G, [R]);
  t.same(table.removeOwner('x'), [
    [G, [P, P]],
    [atom('h'), [Q]],
  ]);
  t.same([table.members(G), table.groups(), table.memberships('x')], [[R], [G], 0]);
  t.same(table.removeOwner('x'), []);
});

test('groups are the same when their names are the same term', async (t) => {
  const table = new GroupTable();
  const names: Term[] = [1, float(1), G, tuple(G, 1), [1, 2], new Uint8Array([103])];
  for (const name of names) table.add('x', name, [P]);
  t.equal(table.groups().length, names.length);
  for (const name of [1, float(1), atom('g'), tuple(atom('g'), 1), [1, 2]]) {
    t.same(table.members(name), [P]);
  }
  t.same(table.members(2), []);
});

test('the name of a group does not hold on to the message that it came in', async (t) => {
  const table = new GroupTable();
  const chunk = new Uint8Array(1000);
  table.add('x', tuple(G, chunk.subarray(10, 20)), [P]);
  table.add('y', tuple(G, chunk.subarray(20, 30)), [Q]);
  t.same(table.groups(), [tuple(G, new Uint8Array(10))]);
  for (const [name] of [...table.groupsOf('x'), ...table.groupsOf('y')]) {
    const bytes = isTuple(name) ? name.elements[1] : undefined;
    t.ok(bytes instanceof Uint8Array && bytes.buffer !== chunk.buffer);
  }
});

test('subtract takes each away as often as it is listed', async (t) => {
  t.same(subtract([P, Q, P, R], [P, R, R]), { removed: [P, R], left: [Q, P] });
  t.same(subtract([], [P]), { removed: [], left: [] });
  t.same(subtract([P], [pid(1)]), { removed: [P], left: [] }, 'equal pids, not only the same');
});
