import { test } from 'tap';
import { LockCalls } from '../../../../../lib/distribution/kernel/global/lock-calls.ts';
import { LockTable } from '../../../../../lib/distribution/kernel/global/lock-table.ts';
import { decodeCall } from '../../../../../lib/distribution/kernel/global/messages/calls.ts';
import { ProcessTable } from '../../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { FakeMonitors } from '../../../../support/fake-monitors.ts';
import { RecordingRemote } from '../../../../support/recording-remote.ts';

const lock = { resource: atom('global'), requester: atom('me') };

function setUp(replies: Record<string, boolean | 'silent' | undefined>) {
  const log: string[] = [];
  const locks = new LockTable(new FakeMonitors());
  const table = new ProcessTable({ node: 'm@h', creation: 1, remote: new RecordingRemote() });
  const holder = table.spawnServer({ onMessage: () => {} });
  const calls = new LockCalls({
    node: 'm@h',
    locks,
    isConnected: (node) => replies[node] !== undefined,
    callServers: async (_as, nodes, request) => {
      log.push(`${decodeCall(request)?.type} ${nodes.join(',')}`);
      const answered = nodes.filter((node) => typeof replies[node] === 'boolean');
      return {
        replies: new Map(answered.map((node) => [node, atom(String(replies[node]))])),
        silent: nodes.filter((node) => replies[node] === 'silent'),
      };
    },
    changed: () => {},
  });
  return { calls, locks, holder, log };
}

test('holds the lock everywhere when nobody refuses; a node that is down is absent', async (t) => {
  const { calls, locks, holder, log } = setUp({ 'a@h': true });
  t.ok(await calls.set(holder, lock, ['m@h', 'a@h', 'down@h']));
  t.ok(locks.isHolder(lock.resource, holder.pid));
  t.same(log, ['set_lock a@h,down@h']);
  await calls.delete(holder, lock, ['m@h', 'a@h', 'down@h']);
  t.equal(locks.size, 0);
  t.same(log.slice(1), ['del_lock a@h'], 'a node that is not connected is not dialled');
});

test('holds nothing when one refuses', async (t) => {
  const { calls, locks, holder, log } = setUp({ 'a@h': true, 'b@h': false, 'c@h': true });
  t.notOk(await calls.set(holder, lock, ['m@h', 'a@h', 'b@h', 'c@h']));
  t.equal(locks.size, 0);
  t.same(log, ['set_lock a@h,b@h,c@h', 'del_lock a@h,c@h']);
});

test('a silent node refuses, and is told to let go of what it may have granted', async (t) => {
  const { calls, locks, holder, log } = setUp({ 'a@h': true, 'b@h': 'silent' });
  t.notOk(await calls.set(holder, lock, ['m@h', 'a@h', 'b@h']));
  t.equal(locks.size, 0);
  t.same(log, ['set_lock a@h,b@h', 'del_lock a@h,b@h']);
});

test('bothers nobody when our own table refuses', async (t) => {
  const { calls, locks, holder, log } = setUp({ 'a@h': true });
  locks.set({ ...lock, requester: atom('other') }, new Pid('x@h', 1, 0, 1));
  t.notOk(await calls.set(holder, lock, ['m@h', 'a@h']));
  t.same(log, []);
  t.ok(await calls.set(holder, lock, []), 'no node at all cannot refuse');
});
