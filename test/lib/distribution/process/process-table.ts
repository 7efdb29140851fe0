import { test } from 'tap';
import type { Process } from '../../../../lib/distribution/process/process.ts';
import type { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import type { Signal } from '../../../../lib/distribution/process/signals.ts';
import { type Atom, atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { type Term, type Tuple, tuple } from '../../../../lib/distribution/terms/term.ts';
import { ProcessNetwork } from '../../../support/process-network.ts';
import { collector, idle, processTable } from '../../../support/process-table.ts';

const theirs = new Pid('b@x', 50, 0, 4);
const theirRef = new Reference('b@x', 4, [1, 2, 3]);

const EMPTY = { processes: 0, links: 0, monitors: 0, aliases: 0, names: 0 };

// --- names --------------------------------------------------------------------------------------

test('names lead to processes until these end', (t) => {
  const { processes } = processTable();
  const process = processes.spawnServer({ ...idle, name: 'one' });
  t.equal(processes.whereis('one'), process.pid);
  t.equal(process.registeredName, 'one');
  t.same(processes.registered(), ['one']);
  t.throws(() => processes.spawnServer({ ...idle, name: 'one' }), { code: 'name_taken' });
  t.equal(processes.size, 1);
  process.stop();
  t.equal(processes.whereis('one'), undefined);
  t.throws(() => processes.register('one', process.pid), { code: 'noproc' });
  const next = processes.spawnServer(idle);
  processes.register('one', next.pid);
  t.equal(processes.unregister('one'), true);
  t.end();
});

test('pids of another incarnation are not alive', (t) => {
  const { processes } = processTable();
  const { pid } = processes.spawnServer(idle);
  t.ok(processes.isAlive(pid));
  t.ok(processes.isAlive(new Pid('a@x', pid.id, pid.serial, 7)));
  t.notOk(processes.isAlive(new Pid('a@x', pid.id, pid.serial, 6)));
  t.notOk(processes.isAlive(processes.nobody));
  t.equal(processes.get(pid)?.pid, pid);
  t.end();
});

test("the group leader comes from the parent's options, the node, or a signal", (t) => {
  const { processes } = processTable();
  const alone = processes.spawnServer(idle);
  t.equal(alone.groupLeader, alone.pid);
  processes.groupLeader = alone.pid;
  const child = processes.spawnServer(idle);
  t.equal(child.groupLeader, alone.pid);
  t.equal(processes.spawnServer({ ...idle, groupLeader: theirs }).groupLeader, theirs);
  processes.receive('b@x', { type: 'group_leader', leader: theirs, to: child.pid });
  processes.receive('b@x', { type: 'group_leader', leader: theirs, to: processes.nobody });
  t.equal(child.groupLeader, theirs);
  t.end();
});

// --- requests to spawn --------------------------------------------------------------------------

const spawnRequest = {
  type: 'spawn_request',
  ref: theirRef,
  from: theirs,
  groupLeader: theirs,
  module: 'erpc',
  function: 'execute_call',
  arity: 4,
  options: [atom('monitor'), atom('link')],
  args: [],
} as const satisfies Signal;

test('a request to spawn gets notsup when nobody serves it', (t) => {
  const { processes, remote } = processTable();
  processes.receive('b@x', spawnRequest);
  const result = atom('notsup');
  t.same(remote.take(), [
    {
      node: 'b@x',
      signal: { type: 'spawn_reply', ref: theirRef, to: theirs, flags: 0, result },
      connect: false,
    },
  ]);
  t.end();
});

test('a served request may link and monitor from the start', (t) => {
  const { processes, remote } = processTable({
    onSpawnRequest: (peer, request) => {
      t.equal(peer, 'b@x');
      const { from, ref, groupLeader } = request;
      const monitor = { watcher: from, ref };
      const { pid } = processes.spawnServer({ ...idle, link: from, monitor, groupLeader });
      processes.replyToSpawn(request, pid, { link: true, monitor: true });
    },
  });
  processes.receive('b@x', spawnRequest);
  const [process] = processes.processes();
  t.match(remote.take(), [{ signal: { type: 'spawn_reply', flags: 3, result: process!.pid } }]);
  process!.stop(atom('done'));
  t.match(remote.take(), [
    { signal: { type: 'exit_link', to: theirs, reason: atom('done') } },
    { signal: { type: 'down', from: process!.pid, to: theirs, ref: theirRef } },
  ]);
  t.end();
});

test('a request to spawn of ours is answered by the down message alone', (t) => {
  const { processes, remote } = processTable();
  const received: Term[] = [];
  const watcher = processes.spawnServer({ onMessage: (message) => void received.push(message) });
  const ask = (): Reference => {
    const ref = processes.makeRef();
    const { groupLeader, module, function: name, arity, args } = spawnRequest;
    const request = { ref, from: watcher.pid, groupLeader, module, function: name, arity, args };
    processes.requestSpawn('b@x', request);
    t.match(remote.take(), [{ node: 'b@x', signal: { type: 'spawn_request', ref } }]);
    return ref;
  };
  const reply = (ref: Reference, result: Pid | Atom, peer = 'b@x'): void =>
    processes.receive(peer, { type: 'spawn_reply', ref, to: watcher.pid, flags: 2, result });
  const down = (ref: Reference, reason: Term): Tuple =>
    tuple(atom('DOWN'), ref, atom('process'), theirs, reason);

  const served = ask();
  reply(served, theirs);
  t.same(received, [], 'it lives');
  processes.receive('b@x', {
    ...{ type: 'down', from: theirs, to: watcher.pid, ref: served, reason: atom('done') },
  });
  t.same(received.splice(0), [down(served, atom('done'))]);

  const refused = ask();
  reply(refused, atom('notsup'), 'c@x');
  t.same(received, [], 'not for another node to answer');
  reply(refused, atom('notsup'));
  t.match(received.splice(0), [{ elements: { 1: refused, 4: atom('notsup') } }]);
  reply(refused, theirs);
  t.same(received, [], 'nobody waits any more');

  const lost = ask();
  processes.nodedown('b@x');
  t.match(received.splice(0), [{ elements: { 1: lost, 4: atom('noconnection') } }]);
  t.end();
});

// --- two nodes ----------------------------------------------------------------------------------

async function pair(network: ProcessNetwork): Promise<{ a: ProcessTable; b: ProcessTable }> {
  await network.settle();
  return { a: network.table('a@x'), b: network.table('b@x') };
}

test('between nodes: links and monitors both ways, noproc, and messages in order', async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x']);
  t.teardown(() => network.stop());
  const { a, b } = await pair(network);
  const one = collector(a, { trapExit: true });
  const two = collector(b, { trapExit: true, name: 'two' });
  for (let n = 0; n < 100; n += 1) one.process.send(two.process.pid, n);
  await network.settle();
  t.same(
    two.messages.splice(0),
    Array.from({ length: 100 }, (_, n) => n),
  );
  one.process.link(two.process.pid);
  const ref = two.process.monitor(one.process.pid);
  const missing = one.process.monitor({ name: 'missing', node: 'b@x' });
  await network.settle();
  t.same(one.messages.splice(0), [
    tuple(
      atom('DOWN'),
      missing,
      atom('process'),
      tuple(atom('missing'), atom('b@x')),
      atom('noproc'),
    ),
  ]);
  one.process.stop(atom('done'));
  await network.settle();
  t.same(two.messages, [
    tuple(atom('EXIT'), one.process.pid, atom('done')),
    tuple(atom('DOWN'), ref, atom('process'), one.process.pid, atom('done')),
  ]);
});

test('between nodes: the first signal dials, and a refused dial is noconnection', async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x'], { connected: false });
  t.teardown(() => network.stop());
  const { a, b } = await pair(network);
  const one = collector(a);
  const two = collector(b);
  one.process.send(two.process.pid, 1);
  await network.settle();
  t.same(two.messages, [1]);
  network.disconnect('a@x', 'b@x');
  network.refuse('b@x');
  one.process.monitor(two.process.pid);
  await network.settle();
  t.match(one.messages, [{ elements: { 4: { name: 'noconnection' } } }]);
});

test('between nodes: crossing unlinks and relinks leave both sides alike', async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x']);
  t.teardown(() => network.stop());
  const { a, b } = await pair(network);
  const one = a.spawnServer(idle);
  const two = b.spawnServer(idle);
  const steps: ((from: Process, to: Process) => void)[] = [
    (from, to) => from.link(to.pid),
    (from, to) => from.unlink(to.pid),
  ];
  let seed = 1;
  for (let round = 0; round < 300; round += 1) {
    for (let step = 0; step < 6; step += 1) {
      seed = (seed * 48271) % 2147483647;
      const [from, to] = seed % 2 === 0 ? [one, two] : [two, one];
      steps[(seed >> 3) % 2]!(from, to);
      if (seed % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await network.settle();
    if (a.linksOf(one.pid).length !== b.linksOf(two.pid).length) t.fail(`differ in round ${round}`);
  }
  one.unlink(two.pid);
  two.unlink(one.pid);
  await network.settle();
  t.match([a.sizes.links, b.sizes.links], [0, 0]);
});

// --- leaks and the end --------------------------------------------------------------------------

test('10,000 links, monitors and aliases, undone, leave the tables empty', async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x']);
  const { a, b } = await pair(network);
  const one = a.spawnServer(idle);
  const two = b.spawnServer(idle);
  const local = a.spawnServer(idle);
  for (let i = 0; i < 10_000; i += 1) {
    for (const other of [two, local]) {
      one.link(other.pid);
      one.unlink(other.pid);
      one.demonitor(one.monitor(other.pid, { alias: true }));
    }
    one.unalias(one.alias());
  }
  await network.settle();
  t.match(a.sizes, { links: 0, monitors: 0, aliases: 0 });
  t.match(b.sizes, { links: 0, monitors: 0, aliases: 0 });
  for (const process of [one, two, local]) process.stop();
  t.same([a.sizes, b.sizes], [EMPTY, EMPTY]);
});

test('stop ends everything, waits for servers with a way of their own, and kills the slow', async (t) => {
  const { processes } = processTable();
  const plain = processes.spawn(async (self) => void (await self.receive()));
  const orderly = processes.spawnServer({
    ...idle,
    onShutdown: (self) => void setImmediate(() => self.stop(atom('shutdown'))),
  });
  await processes.stop();
  t.match([plain.exitReason, orderly.exitReason], [{ name: 'shutdown' }, { name: 'shutdown' }]);
  t.throws(() => processes.spawnServer(idle), { code: 'stopped' });

  const other = processTable().processes;
  const slow = other.spawnServer({ ...idle, onShutdown: () => {} });
  await other.stop(10);
  t.match(slow.exitReason, { name: 'killed' });
  t.same(other.sizes, EMPTY);
});
