import { test } from 'tap';
import type { NamedPid } from '../../../../../lib/distribution/kernel/global/messages/protocol.ts';
import { NameRegistry } from '../../../../../lib/distribution/kernel/global/name-registry.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { FakeMonitors } from '../../../../support/fake-monitors.ts';

const GLOBAL = atom('global');
const registrar = new Pid('b@h', 2, 0, 1);
const p1 = new Pid('a@h', 10, 0, 1);
const p2 = new Pid('b@h', 11, 0, 1);
const lock = { resource: GLOBAL, requester: [registrar] };
const entry: NamedPid = { name: atom('x'), pid: p1, method: atom('m') };

function setUp() {
  const events: string[] = [];
  const monitors = new FakeMonitors();
  const dead = new Set<string>();
  const registry = new NameRegistry({
    monitors,
    isAlive: (pid) => !dead.has(pid.key),
    onEvent: ({ type, name, pid }) => events.push(`${type} ${name} ${pid.id}`),
  });
  return { registry, monitors, events, dead };
}

test('keeps a registration whose sender holds the lock, or that meets no lock', async (t) => {
  const { registry, events } = setUp();
  registry.register(entry, registrar);
  registry.locks.set(lock, registrar);
  registry.register({ ...entry, pid: p2 }, registrar);
  t.equal(registry.whereis(entry.name), p2);
  t.same(events, ['registered x 10', 'unregistered x 10', 'registered x 11']);
  registry.register({ ...entry, pid: p2 }, registrar);
  t.equal(events.length, 3, 'nothing new');
});

test('undoes a registration whose sender does not hold the lock', async (t) => {
  const { registry } = setUp();
  registry.register(entry, registrar);
  registry.locks.set({ ...lock, requester: atom('other') }, p2);
  registry.register({ ...entry, pid: p2 }, registrar);
  t.equal(registry.whereis(entry.name), undefined);
});

test('undoes a registration that comes after the end of the lock holder', async (t) => {
  const { registry, monitors } = setUp();
  registry.locks.set(lock, registrar);
  registry.down(monitors.refsOf(registrar)[0]!);
  registry.register(entry, registrar);
  t.equal(registry.whereis(entry.name), undefined);
  registry.apply([{ type: 'insert', ...entry }], [], lock);
  t.equal(registry.whereis(entry.name), undefined);
});

test('applies operations under the lock they were computed under, insertions first', async (t) => {
  const { registry } = setUp();
  registry.locks.set(lock, registrar);
  const operations = [
    { type: 'delete', name: atom('y') } as const,
    { type: 'insert', ...entry, name: atom('y') } as const,
    { type: 'insert', ...entry } as const,
  ];
  registry.apply(operations, [{ name: atom('x'), pid: p1, registrationNode: 'b@h' }], lock);
  t.equal(registry.whereis(atom('x')), p1);
  t.equal(registry.whereis(atom('y')), undefined);
  t.equal(registry.names.get(atom('x'))?.registrationNode, 'b@h');
  registry.apply([{ type: 'insert', ...entry, pid: p2 }], [], { ...lock, requester: 1 });
  t.equal(registry.whereis(atom('x')), undefined, 'another lock');
  registry.apply([{ type: 'insert', ...entry }], [], undefined);
  t.equal(registry.whereis(atom('x')), undefined, 'no lock named');
});

test('forgets names and locks with the process or the node', async (t) => {
  const { registry, monitors, events, dead } = setUp();
  registry.register(entry, registrar);
  dead.add(p1.key);
  t.equal(registry.whereis(entry.name), undefined, 'a dead process has no name');
  registry.down(monitors.refsOf(p1)[0]!);
  registry.down(atom('no_reference'));
  registry.register({ ...entry, pid: p2 }, registrar);
  registry.locks.set(lock, registrar);
  registry.nodedown('b@h');
  t.notOk(registry.isLocked);
  t.equal(registry.names.size, 0);
  t.equal(monitors.active.size, 0);
  registry.conflict(entry.name, p1);
  t.same(events.slice(-2), ['unregistered x 11', 'conflict x 10']);
});
