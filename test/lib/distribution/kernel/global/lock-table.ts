import { test } from 'tap';
import { LockTable } from '../../../../../lib/distribution/kernel/global/lock-table.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { FakeMonitors } from '../../../../support/fake-monitors.ts';

const GLOBAL = atom('global');
const p1 = new Pid('a@h', 1, 0, 1);
const p2 = new Pid('b@h', 2, 0, 1);
const mine = { resource: GLOBAL, requester: [p1, p2] };
const other = { resource: GLOBAL, requester: p2 };

function table(): { locks: LockTable; monitors: FakeMonitors } {
  const monitors = new FakeMonitors();
  return { locks: new LockTable(monitors), monitors };
}

test('gives a free resource to whoever asks, and to the same requester again', async (t) => {
  const { locks, monitors } = table();
  t.ok(locks.canSet(mine));
  t.ok(locks.set(mine, p1));
  t.ok(locks.set(mine, p1), 'the same holder again');
  t.ok(locks.set({ resource: GLOBAL, requester: [p1, p2] }, p2), 'an equal requester');
  t.equal(monitors.active.size, 2, 'each holder is watched once');
  t.notOk(locks.canSet(other));
  t.notOk(locks.set(other, p2));
  t.ok(locks.isHolder(GLOBAL, p2));
  t.same(locks.requesterOf(GLOBAL), [p1, p2]);
  t.equal(locks.list()[0]?.holders.length, 2);
});

test('is free when the last holder has let go', async (t) => {
  const { locks, monitors } = table();
  locks.set(mine, p1);
  locks.set(mine, p2);
  locks.delete(mine, p1);
  t.ok(locks.isLocked(GLOBAL));
  locks.delete(other, p2);
  t.ok(locks.isLocked(GLOBAL), 'another requester lets nobody go');
  locks.delete(mine, p1);
  locks.delete(mine, p2);
  t.notOk(locks.isLocked(GLOBAL));
  t.equal(locks.size, 0);
  t.equal(monitors.active.size, 0);
});

test('remembers whether the end of a holder has freed the names', async (t) => {
  const { locks, monitors } = table();
  locks.set(mine, p1);
  t.ok(locks.down(monitors.refsOf(p1)[0]!));
  t.ok(locks.globalReleasedByDown);
  locks.set(mine, p1);
  t.ok(locks.globalReleasedByDown, 'until an orderly release');
  locks.delete(mine, p1);
  t.notOk(locks.globalReleasedByDown);
  locks.set({ resource: atom('mine'), requester: p1 }, p1);
  locks.dropNode('a@h');
  t.notOk(locks.globalReleasedByDown, 'other resources do not count');
});

test('drops the holders of a node and keeps the others', async (t) => {
  const { locks, monitors } = table();
  locks.set(mine, p1);
  locks.set(mine, p2);
  locks.dropNode('b@h');
  t.same(locks.list()[0]?.holders, [p1]);
  locks.dropNode('a@h');
  t.equal(locks.size, 0);
  t.ok(locks.globalReleasedByDown);
  t.equal(monitors.active.size, 0);
});

test('knows only its own references', async (t) => {
  const { locks, monitors } = table();
  t.notOk(locks.down(monitors.monitor(p1)));
  locks.set(mine, p1);
  locks.set({ resource: atom('other'), requester: p1 }, p1);
  locks.clear();
  t.equal(locks.size, 0);
  t.equal(monitors.active.size, 1);
});
