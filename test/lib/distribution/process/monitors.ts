import { test } from 'tap';
import { type Monitor, Monitors } from '../../../../lib/distribution/process/monitors.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { collector, idle, processTable } from '../../../support/process-table.ts';

const ours = new Pid('a@x', 1, 0, 1);
const ours2 = new Pid('a@x', 2, 0, 1);
const theirs = new Pid('b@x', 1, 0, 1);
const ref = (n: number, node = 'a@x'): Reference => new Reference(node, 1, [n, 0, 0]);

const outgoing: Monitor = {
  ref: ref(1),
  watcher: ours,
  target: theirs,
  node: 'b@x',
  watched: undefined,
};
const incoming: Monitor = {
  ref: ref(1, 'b@x'),
  watcher: theirs,
  target: atom('name'),
  node: 'a@x',
  watched: ours,
};
const internal: Monitor = {
  ref: ref(2),
  watcher: ours,
  target: ours2,
  node: 'a@x',
  watched: ours2,
};

function filled(): Monitors {
  const monitors = new Monitors('a@x');
  for (const monitor of [outgoing, incoming, internal]) monitors.add(monitor);
  return monitors;
}

test("finds and removes a monitor by the watcher's node and the reference", (t) => {
  const monitors = filled();
  t.equal(monitors.size, 3);
  t.equal(monitors.find('a@x', ref(1)), outgoing);
  t.equal(monitors.find('b@x', ref(1)), undefined);
  t.equal(monitors.remove('b@x', ref(1, 'b@x')), incoming);
  t.equal(monitors.remove('b@x', ref(1, 'b@x')), undefined);
  t.equal(monitors.size, 2);
  t.end();
});

test("a peer cannot reach another peer's monitor with that one's reference", (t) => {
  const monitors = filled();
  t.equal(monitors.remove('c@x', incoming.ref), undefined);
  t.equal(monitors.remove('c@x', outgoing.ref), undefined);
  t.equal(monitors.size, 3);
  t.end();
});

test('the end of a process takes what it watches and what watches it', (t) => {
  const monitors = filled();
  t.same(monitors.takeWatchedBy(ours), [outgoing, internal]);
  t.same(monitors.takeWatching(ours), [incoming]);
  t.equal(monitors.size, 0);
  t.same(monitors.takeNode('b@x'), []);
  t.end();
});

test('a lost connection takes both directions between the two nodes', (t) => {
  const monitors = filled();
  t.same(monitors.takeNode('b@x'), [outgoing, incoming]);
  t.equal(monitors.size, 1);
  t.same(monitors.takeWatchedBy(ours), [internal]);
  t.end();
});

test('the same reference again takes the place of the first', (t) => {
  const monitors = filled();
  monitors.add({ ...incoming, watched: ours2 });
  t.equal(monitors.size, 3);
  t.same(monitors.takeWatching(ours), []);
  t.equal(monitors.takeWatching(ours2).length, 2);
  t.end();
});

test('a monitor tells the end by pid, by name and by name on this node', (t) => {
  const { processes } = processTable();
  const watched = processes.spawnServer({ ...idle, name: 'watched' });
  const watcher = collector(processes);
  const byPid = watcher.process.monitor(watched.pid);
  const byName = watcher.process.monitor(atom('watched'));
  const byNode = watcher.process.monitor({ name: 'watched', node: 'a@x' });
  watched.stop(atom('done'));
  const named = tuple(atom('watched'), atom('a@x'));
  t.same(watcher.messages, [
    tuple(atom('DOWN'), byPid, atom('process'), watched.pid, atom('done')),
    tuple(atom('DOWN'), byName, atom('process'), named, atom('done')),
    tuple(atom('DOWN'), byNode, atom('process'), named, atom('done')),
  ]);
  t.equal(processes.sizes.monitors, 0);
  t.end();
});

test('a monitor by name stays with the process that held the name', (t) => {
  const { processes } = processTable();
  const first = processes.spawnServer({ ...idle, name: 'worker' });
  const watcher = collector(processes);
  watcher.process.monitor(atom('worker'));
  processes.unregister('worker');
  processes.spawnServer({ ...idle, name: 'worker' }).stop();
  t.same(watcher.messages, []);
  first.stop();
  t.equal(watcher.messages.length, 1);
  t.end();
});

test('a monitor of nobody answers noproc at once', (t) => {
  const { processes } = processTable();
  const watcher = collector(processes);
  const ref = watcher.process.monitor(atom('nobody'));
  const named = tuple(atom('nobody'), atom('a@x'));
  t.same(watcher.messages, [tuple(atom('DOWN'), ref, atom('process'), named, atom('noproc'))]);
  watcher.process.monitor(new Pid('a@x', watcher.process.pid.id, 0, 99));
  t.equal(watcher.messages.length, 2);
  t.end();
});

test('demonitor ends a monitor; flush also removes the message that came already', async (t) => {
  const { processes } = processTable();
  const watched = processes.spawnServer(idle);
  let step: (() => void) | undefined;
  const watcher = processes.spawn((self) => {
    const refs = [self.monitor(watched.pid), self.monitor(watched.pid), self.monitor(watched.pid)];
    t.equal(self.demonitor(refs[0]!), true);
    t.equal(self.demonitor(refs[0]!), false);
    step = () => {
      t.equal(self.mailboxLength, 2);
      t.equal(self.demonitor(refs[1]!, { flush: true }), false);
      t.equal(self.mailboxLength, 1);
    };
    return self.receive({ match: () => false }).then(
      () => undefined,
      () => undefined,
    );
  });
  await Promise.resolve();
  watched.stop();
  step?.();
  watcher.stop();
});

test('only the watcher can end its monitor', (t) => {
  const { processes } = processTable();
  const watched = processes.spawnServer(idle);
  const watcher = collector(processes);
  const ref = watcher.process.monitor(watched.pid);
  t.equal(processes.spawnServer(idle).demonitor(ref), false);
  watched.stop();
  t.equal(watcher.messages.length, 1);
  t.end();
});

test('a watcher is told of the end in place of the mailbox, at once if there is no process', (t) => {
  const { processes } = processTable();
  const watched = processes.spawnServer(idle);
  const { process, messages } = collector(processes);
  const told: Term[] = [];
  process.watch(watched.pid, (reason) => told.push(reason));
  const taken = process.watch(watched.pid, () => t.fail('taken back'));
  process.demonitor(taken);
  t.equal(processes.sizes.monitors, 1);
  watched.stop(atom('tired'));
  t.match(told, [{ name: 'tired' }]);
  process.watch(watched.pid, (reason) => told.push(reason));
  t.match(told[1], { name: 'noproc' });
  t.same(messages, []);
  t.equal(processes.sizes.monitors, 0);
  t.end();
});
