import { test } from 'tap';
import type { Signal } from '../../../../lib/distribution/process/signals.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { EncodedTerm } from '../../../../lib/distribution/terms/encode.ts';
import { inspectTerm } from '../../../../lib/distribution/terms/inspect.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { collector, idle, processTable } from '../../../support/process-table.ts';

const theirs = new Pid('b@x', 50, 0, 4);
const theirRef = new Reference('b@x', 4, [1, 2, 3]);

const EMPTY = { processes: 0, links: 0, monitors: 0, aliases: 0, names: 0 };

// --- signals to other nodes ---------------------------------------------------------------------

test('sends to other nodes leave by pid, name and alias; local ones never leave', (t) => {
  const { processes, remote } = processTable();
  const { process, messages } = collector(processes, { name: 'me' });
  process.send(theirs, 1);
  process.send({ name: 'theirs', node: 'b@x' }, 2);
  process.send(theirRef, 3);
  process.send(theirs, 4, { connect: false });
  t.same(remote.take(), [
    {
      node: 'b@x',
      signal: { type: 'send', from: process.pid, to: theirs, message: 1 },
      connect: true,
    },
    {
      node: 'b@x',
      signal: { type: 'send_name', from: process.pid, to: atom('theirs'), message: 2 },
      connect: true,
    },
    {
      node: 'b@x',
      signal: { type: 'send_alias', from: process.pid, to: theirRef, message: 3 },
      connect: true,
    },
    {
      node: 'b@x',
      signal: { type: 'send', from: process.pid, to: theirs, message: 4 },
      connect: false,
    },
  ]);
  process.send(process.pid, 5);
  process.send(atom('me'), 6);
  process.send({ name: 'me', node: 'a@x' }, 7);
  process.send(process.alias(), 8);
  process.send(atom('nobody'), 9);
  process.send(new Pid('a@x', 1, 0, 6), 10);
  t.same(messages, [5, 6, 7, 8]);
  t.same(remote.take(), []);
  t.end();
});

test('one message goes to many, encoded once for all on other nodes', (t) => {
  const { processes, remote } = processTable();
  const { process, messages } = collector(processes);
  const { pid } = process;
  const other = new Pid('c@x', 50, 0, 4);
  const message = tuple(atom('hello'), 1);
  processes.sendToAll(pid, [theirs, pid, other, new Pid('a@x', 1, 0, 6)], message, {
    connect: false,
  });
  t.same(messages, [message]);
  const encoded = new EncodedTerm(message);
  t.same(
    remote.delivered,
    [theirs, other].map((to) => ({
      node: to.node,
      signal: { type: 'send', from: pid, to, message, encoded },
      connect: false,
    })),
  );
  const [first, second] = remote.take().map(({ signal }) => 'encoded' in signal && signal.encoded);
  t.equal(first, second, 'the same bytes');
  processes.sendToAll(pid, [theirs], message);
  t.same(remote.take(), [
    {
      node: 'b@x',
      signal: { type: 'send', from: pid, to: theirs, message },
      connect: true,
    },
  ]);
  const notATerm = 'text' as unknown as Term;
  for (const to of [[], [theirs, pid]]) {
    t.throws(() => processes.sendToAll(pid, to, notATerm), { code: 'unencodable' });
  }
  t.same([remote.take(), messages.length], [[], 1], 'nobody got it');
  t.end();
});

test('links, monitors and exits to other nodes dial; what undoes them does not', (t) => {
  const { processes, remote } = processTable();
  const process = processes.spawnServer(idle);
  process.link(theirs);
  process.link(theirs);
  process.unlink(theirs);
  process.unlink(theirs);
  const ref = process.monitor(theirs);
  process.demonitor(ref);
  const named = process.monitor({ name: 'theirs', node: 'b@x' });
  process.exit(theirs, atom('bye'));
  const from = process.pid;
  t.same(remote.take(), [
    { node: 'b@x', signal: { type: 'link', from, to: theirs }, connect: true },
    { node: 'b@x', signal: { type: 'unlink', id: 1, from, to: theirs }, connect: false },
    { node: 'b@x', signal: { type: 'monitor', from, target: theirs, ref }, connect: true },
    { node: 'b@x', signal: { type: 'demonitor', from, target: theirs, ref }, connect: false },
    {
      node: 'b@x',
      signal: { type: 'monitor', from, target: atom('theirs'), ref: named },
      connect: true,
    },
    { node: 'b@x', signal: { type: 'exit', from, to: theirs, reason: atom('bye') }, connect: true },
  ]);
  t.end();
});

test('the end of a process tells the other ends of links and monitors', (t) => {
  const { processes, remote } = processTable();
  const process = processes.spawnServer({ ...idle, name: 'me' });
  const unlinked = new Pid('b@x', 51, 0, 4);
  process.link(theirs);
  process.link(unlinked);
  process.unlink(unlinked);
  const ref = process.monitor(theirs);
  processes.receive('b@x', { type: 'monitor', from: theirs, target: atom('me'), ref: theirRef });
  remote.take();
  process.stop(atom('done'));
  const from = process.pid;
  const reason = atom('done');
  t.same(remote.take(), [
    { node: 'b@x', signal: { type: 'demonitor', from, target: theirs, ref }, connect: false },
    { node: 'b@x', signal: { type: 'exit_link', from, to: theirs, reason }, connect: false },
    {
      node: 'b@x',
      signal: { type: 'down', from: atom('me'), ended: from, to: theirs, ref: theirRef, reason },
      connect: false,
    },
  ]);
  t.same(processes.sizes, EMPTY);
  t.end();
});

test('all hear of an end whose reason cannot be sent', async (t) => {
  const { processes, remote } = processTable();
  const process = processes.spawnServer(idle);
  const { process: watcher, messages } = collector(processes);
  process.link(theirs);
  for (const ref of [theirRef, new Reference('b@x', 4, [7, 8, 9])]) {
    processes.receive('b@x', { type: 'monitor', from: theirs, target: process.pid, ref });
  }
  watcher.monitor(process.pid);
  remote.take();
  remote.isTerm = (signal) => !('reason' in signal && Number.isNaN(signal.reason));
  process.stop(Number.NaN);
  t.ok(Number.isNaN(await process.exited));
  t.equal(messages.length, 1);
  const delivered = remote.take().map(({ signal }) => signal);
  t.same(
    delivered.map(({ type }) => type),
    ['exit_link', 'down', 'down'],
  );
  for (const signal of delivered) {
    const reason = 'reason' in signal ? inspectTerm(signal.reason) : '';
    t.match(reason, /^\{\{js_error,<<"TermError: expected a term">>\},\[\]\}$/);
  }
  t.match(processes.sizes, { links: 0, monitors: 0 });
});

// --- signals from other nodes -------------------------------------------------------------------

test('messages from a peer arrive by pid, name and alias, or are dropped', (t) => {
  const { processes, remote } = processTable();
  const { process, messages } = collector(processes, { name: 'me' });
  const alias = process.alias({ mode: 'reply' });
  const stale = new Pid('a@x', process.pid.id, 0, 6);
  const signals: Signal[] = [
    { type: 'send', from: theirs, to: process.pid, message: 1 },
    { type: 'send_name', from: theirs, to: atom('me'), message: 2 },
    { type: 'send_alias', from: theirs, to: alias, message: 3 },
    { type: 'send_alias', from: theirs, to: alias, message: 4 },
    { type: 'send', from: theirs, to: stale, message: 5 },
    { type: 'send_name', from: theirs, to: atom('nobody'), message: 6 },
  ];
  for (const signal of signals) processes.receive('b@x', signal);
  t.same(messages, [1, 2, 3]);
  t.same(remote.take(), []);
  t.end();
});

test('an exit signal through an alias ends who made it, while it is active', (t) => {
  const { processes } = processTable();
  const { process } = collector(processes);
  const [kept, dropped] = [process.alias(), process.alias()];
  process.unalias(dropped);
  const exit = (to: Reference): void =>
    processes.receive('b@x', { type: 'exit_alias', from: theirs, to, reason: atom('stop') });
  exit(dropped);
  t.ok(process.isAlive);
  exit(kept);
  t.match(process.exitReason, { name: 'stop' });
  t.end();
});

test('a link from a peer ends us with its process, and it with ours', (t) => {
  const { processes, remote } = processTable();
  const one = processes.spawnServer(idle);
  const two = processes.spawnServer(idle);
  const reason = atom('oops');
  for (const { pid } of [one, two])
    processes.receive('b@x', { type: 'link', from: theirs, to: pid });
  processes.receive('b@x', { type: 'exit_link', from: theirs, to: one.pid, reason });
  t.match(one.exitReason, { name: 'oops' });
  t.same(remote.take(), []);
  two.stop(reason);
  t.match(remote.take(), [{ signal: { type: 'exit_link', from: two.pid, to: theirs, reason } }]);
  t.end();
});

test('a link to a dead process or an earlier incarnation is answered with noproc', (t) => {
  const { processes, remote } = processTable();
  const { pid } = processes.spawnServer(idle);
  const stale = new Pid('a@x', pid.id, pid.serial, 6);
  processes.receive('b@x', { type: 'link', from: theirs, to: stale });
  t.same(remote.take(), [
    {
      node: 'b@x',
      signal: { type: 'exit_link', from: stale, to: theirs, reason: atom('noproc') },
      connect: false,
    },
  ]);
  t.equal(processes.sizes.links, 0);
  t.end();
});

test('an unlink is acknowledged with the same id, also for a dead process', (t) => {
  const { processes, remote } = processTable();
  const { pid } = processes.spawnServer(idle);
  processes.receive('b@x', { type: 'link', from: theirs, to: pid });
  const id = 2n ** 63n;
  for (const to of [pid, processes.nobody]) {
    processes.receive('b@x', { type: 'unlink', id, from: theirs, to });
    t.same(remote.take(), [
      { node: 'b@x', signal: { type: 'unlink_ack', id, from: to, to: theirs }, connect: false },
    ]);
  }
  t.equal(processes.sizes.links, 0);
  t.end();
});

test('an exit over a link that we have unlinked is ignored', (t) => {
  const { processes, remote } = processTable();
  const { process, messages } = collector(processes, { trapExit: true });
  process.link(theirs);
  process.unlink(theirs);
  const exit: Signal = { type: 'exit_link', from: theirs, to: process.pid, reason: atom('oops') };
  processes.receive('b@x', exit);
  t.same(messages, []);
  processes.receive('b@x', { type: 'unlink_ack', id: 1, from: theirs, to: process.pid });
  t.equal(processes.sizes.links, 0);
  processes.receive('b@x', exit);
  t.same(messages, []);
  t.same(remote.takeTypes(), ['link', 'unlink']);
  t.end();
});

test('exit signals from a peer follow the rules of exit/2', (t) => {
  const { processes } = processTable();
  const trapping = collector(processes, { trapExit: true });
  const plain = processes.spawnServer(idle);
  const exit = (to: Pid, reason: string) =>
    processes.receive('b@x', { type: 'exit', from: theirs, to, reason: atom(reason) });
  exit(plain.pid, 'normal');
  t.ok(plain.isAlive);
  exit(plain.pid, 'oops');
  t.match(plain.exitReason, { name: 'oops' });
  exit(trapping.process.pid, 'oops');
  t.same(trapping.messages, [tuple(atom('EXIT'), theirs, atom('oops'))]);
  exit(trapping.process.pid, 'kill');
  t.match(trapping.process.exitReason, { name: 'killed' });
  t.end();
});

test("a peer's monitor of nobody is answered with noproc, naming what it named", (t) => {
  const { processes, remote } = processTable();
  const stale = new Pid('a@x', 1, 0, 6);
  for (const target of [atom('nobody'), stale]) {
    processes.receive('b@x', { type: 'monitor', from: theirs, target, ref: theirRef });
    const reason = atom('noproc');
    t.same(remote.take(), [
      {
        node: 'b@x',
        signal: { type: 'down', from: target, to: theirs, ref: theirRef, reason },
        connect: false,
      },
    ]);
  }
  t.equal(processes.sizes.monitors, 0);
  t.end();
});

test("a peer's monitor ends without an answer when it demonitors", (t) => {
  const { processes, remote } = processTable();
  const process = processes.spawnServer({ ...idle, name: 'me' });
  const target = atom('me');
  processes.receive('b@x', { type: 'monitor', from: theirs, target, ref: theirRef });
  processes.receive('c@x', { type: 'demonitor', from: theirs, target, ref: theirRef });
  t.equal(processes.sizes.monitors, 1);
  processes.receive('b@x', { type: 'demonitor', from: theirs, target, ref: theirRef });
  t.equal(processes.sizes.monitors, 0);
  process.stop();
  t.same(remote.take(), []);
  t.end();
});

test('a down signal fires its monitor once, and only from the node that is monitored', (t) => {
  const { processes } = processTable();
  const { process, messages } = collector(processes);
  const ref = process.monitor({ name: 'theirs', node: 'b@x' });
  const down: Signal = {
    type: 'down',
    from: atom('theirs'),
    to: process.pid,
    ref,
    reason: atom('done'),
  };
  processes.receive('c@x', down);
  processes.receive('b@x', { ...down, to: theirs });
  t.same(messages, []);
  processes.receive('b@x', down);
  processes.receive('b@x', down);
  const named = tuple(atom('theirs'), atom('b@x'));
  t.same(messages, [tuple(atom('DOWN'), ref, atom('process'), named, atom('done'))]);
  t.equal(processes.sizes.monitors, 0);
  t.end();
});

// --- connections that go away -------------------------------------------------------------------

test('nodedown fires noconnection for links and monitors of that node only', (t) => {
  const { processes, remote } = processTable();
  const { process, messages } = collector(processes, { trapExit: true });
  const elsewhere = new Pid('c@x', 1, 0, 1);
  const plain = processes.spawnServer(idle);
  process.link(theirs);
  process.link(elsewhere);
  plain.link(theirs);
  const byPid = process.monitor(theirs, { alias: true });
  const byName = process.monitor({ name: 'theirs', node: 'b@x' });
  process.monitor(elsewhere);
  processes.receive('b@x', { type: 'monitor', from: theirs, target: process.pid, ref: theirRef });
  remote.take();
  processes.nodedown('b@x');
  const reason = atom('noconnection');
  t.same(messages, [
    tuple(atom('EXIT'), theirs, reason),
    tuple(atom('DOWN'), byPid, atom('process'), theirs, reason),
    tuple(atom('DOWN'), byName, atom('process'), tuple(atom('theirs'), atom('b@x')), reason),
  ]);
  t.match(plain.exitReason, { name: 'noconnection' });
  t.match(processes.sizes, { links: 1, monitors: 1, aliases: 0 });
  t.same(remote.take(), []);
  processes.nodedown('b@x');
  t.equal(messages.length, 3);
  t.end();
});

test('on nodedown everything is delivered before anybody reacts', (t) => {
  const { processes } = processTable();
  const alive: boolean[] = [];
  const doomed = processes.spawnServer(idle);
  const watcher = processes.spawnServer({
    onMessage: () => void alive.push(doomed.isAlive),
  });
  watcher.monitor(theirs);
  doomed.link(new Pid('b@x', 51, 0, 4));
  processes.nodedown('b@x');
  t.same(alive, [false]);
  t.end();
});
