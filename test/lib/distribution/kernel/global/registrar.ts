import { test } from 'tap';
import type { LockCalls } from '../../../../../lib/distribution/kernel/global/lock-calls.ts';
import { Registrar } from '../../../../../lib/distribution/kernel/global/registrar.ts';
import { ProcessTable } from '../../../../../lib/distribution/process/process-table.ts';
import { VirtualClock } from '../../../../support/global-mesh.ts';
import { RecordingRemote } from '../../../../support/recording-remote.ts';

function setUp(known: string[] = []) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const refusing = new Set<string>();
  const onSet: { hook?: () => void } = {};
  const table = new ProcessTable({ node: 'm@h', creation: 1, remote: new RecordingRemote() });
  const locks: Pick<LockCalls, 'set' | 'delete'> = {
    set: async (_as, _lock, nodes) => {
      log.push(`set ${nodes.join(',')}`);
      onSet.hook?.();
      return !nodes.some((node) => refusing.has(node));
    },
    delete: async (_as, _lock, nodes) => {
      log.push(`del ${nodes.join(',')}`);
    },
  };
  const registrar = new Registrar({
    node: 'm@h',
    process: table.spawnServer({ onMessage: () => {} }),
    locks,
    known: () => known,
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    random: () => 1,
  });
  return { clock, registrar, refusing, log, known, onSet };
}

test('locks the boss, then everybody, and releases the boss last', async (t) => {
  const { registrar, log } = setUp(['a@h', 'z@h']);
  const nodes = await registrar.run((locked) => {
    log.push('change');
    return locked;
  });
  t.same(nodes, ['m@h', 'a@h', 'z@h']);
  t.same(log, ['set z@h', 'set m@h,a@h,z@h', 'change', 'del m@h,a@h', 'del z@h']);
});

test('alone it takes one lock and no time', async (t) => {
  const { registrar, log, clock } = setUp();
  t.equal(await registrar.run(() => 'done'), 'done');
  t.same(log, ['set m@h', 'del m@h']);
  t.equal(clock.pending, 0);
});

test('tries again after a growing pause while somebody refuses', async (t) => {
  const { registrar, log, clock, refusing } = setUp(['z@h']);
  refusing.add('z@h');
  const done = registrar.run(() => clock.now());
  await clock.run(125 + 250 + 499);
  t.same(log, ['set z@h', 'set z@h', 'set z@h']);
  refusing.clear();
  refusing.add('m@h');
  await clock.run(1);
  t.same(log.splice(0).slice(3), ['set z@h', 'set m@h,z@h', 'del z@h']);
  refusing.clear();
  await clock.run(1000);
  t.equal(await done, 125 + 250 + 500 + 1000);
});

test('begins anew when a node has become known meanwhile', async (t) => {
  const { registrar, log, clock, known, onSet } = setUp(['a@h']);
  onSet.hook = () => {
    if (known.length === 1 && log.length === 2) known.push('b@h');
  };
  const done = registrar.run((nodes) => nodes);
  await clock.run(125);
  t.same(await done, ['m@h', 'a@h', 'b@h']);
  t.same(log.slice(0, 4), ['set m@h', 'set m@h,a@h', 'del a@h', 'del m@h']);
});

test('makes one change at a time, also after one that failed', async (t) => {
  const { registrar, log } = setUp();
  const first = registrar.run(async () => {
    log.push('first');
    throw new Error('no');
  });
  const second = registrar.run(() => log.push('second'));
  await t.rejects(first, /no/);
  await second;
  t.same(log, ['set m@h', 'first', 'del m@h', 'set m@h', 'second', 'del m@h']);
});

test('stopping rejects what waits and what comes later', async (t) => {
  const { registrar, clock, refusing } = setUp(['z@h']);
  refusing.add('z@h');
  const waiting = registrar.run(() => 1);
  const queued = registrar.run(() => 2);
  await clock.run(1);
  registrar.stop();
  await t.rejects(waiting, { code: 'distribution_off' });
  await t.rejects(queued, { code: 'distribution_off' });
  await t.rejects(
    registrar.run(() => 3),
    { code: 'distribution_off' },
  );
  t.equal(clock.pending, 0);
});
