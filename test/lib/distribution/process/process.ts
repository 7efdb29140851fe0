import { test } from 'tap';
import { exitReasonOf, type Process } from '../../../../lib/distribution/process/process.ts';
import { ProcessExit } from '../../../../lib/distribution/process/process-exit.ts';
import {
  ProcessTable,
  type ProcessTableOptions,
} from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { binary, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

function table(options: Partial<ProcessTableOptions> = {}): ProcessTable {
  return new ProcessTable({ node: 'a@x', creation: 1, remote: new RecordingRemote(), ...options });
}

/** A process that keeps every message it gets. */
function collector(
  processes: ProcessTable,
  options: { trapExit?: boolean; link?: Pid } = {},
): { readonly process: Process; readonly messages: Term[] } {
  const messages: Term[] = [];
  const process = processes.spawnServer({ ...options, onMessage: (m) => void messages.push(m) });
  return { process, messages };
}

const idle = { onMessage: () => {} };

test('a body runs after spawn has returned and ends with normal when it returns', async (t) => {
  const log: string[] = [];
  const process = table().spawn(async () => void log.push('body'));
  log.push('spawned');
  t.match(await process.exited, { name: 'normal' });
  t.same(log, ['spawned', 'body']);
  t.equal(process.isAlive, false);
});

test('a body that is ended before it ran never runs', async (t) => {
  const process = table().spawn(() => void t.fail('must not run'));
  process.stop(atom('early'));
  t.match(await process.exited, { name: 'early' });
});

test('what a body throws is its exit reason, and the error is reported', async (t) => {
  const telemetry = new Telemetry();
  const reported: unknown[] = [];
  telemetry.attach('test', 'process.crashed', (_event, _measurements, { error }) =>
    reported.push(error),
  );
  const error = new TypeError('broken');
  const process = table({ telemetry }).spawn(() => {
    throw error;
  });
  t.same(await process.exited, tuple(tuple(atom('js_error'), binary('TypeError: broken')), []));
  t.same(reported, [error]);
  t.equal(process.crashError, error);
});

test('what is thrown becomes a term in one way', (t) => {
  t.same(exitReasonOf('text'), tuple(tuple(atom('js_error'), binary('text')), []));
  t.same(exitReasonOf(new ProcessExit(atom('bye'))), atom('bye'));
  t.end();
});

test('throwing ProcessExit ends the process with that reason and is no crash', async (t) => {
  const telemetry = new Telemetry();
  telemetry.attach('test', 'process.crashed', () => t.fail('no crash'));
  const process = table({ telemetry }).spawn(() => {
    throw new ProcessExit(atom('bye'));
  });
  t.match(await process.exited, { name: 'bye' });
  t.equal(process.crashError, undefined);
});

test('an error that comes out of a body after its end is reported apart', async (t) => {
  const telemetry = new Telemetry();
  const events: string[] = [];
  telemetry.attach('test', 'process.*', (event) => events.push(event));
  const process = table({ telemetry }).spawn(async (self) => {
    await self.receive().catch(() => undefined);
    throw new Error('too late');
  });
  await Promise.resolve();
  process.stop();
  await new Promise((resolve) => setImmediate(resolve));
  t.same(events, ['process.error_after_exit']);
});

test('ending a process rejects its receive, aborts its signal and silences it', async (t) => {
  const processes = table();
  const witness = collector(processes);
  const process = processes.spawnServer(idle);
  const { signal } = process;
  const receiving = process.receive();
  process.stop(atom('enough'));
  await t.rejects(receiving, { name: 'ProcessExit', reason: { name: 'enough' } });
  await t.rejects(process.receive(), { name: 'ProcessExit' });
  t.equal(signal.aborted, true);
  t.match(signal.reason, { reason: { name: 'enough' } });
  process.send(witness.process.pid, 1);
  process.exit(witness.process.pid, atom('kill'));
  process.link(witness.process.pid);
  process.monitor(witness.process.pid);
  t.same(witness.messages, []);
  t.equal(witness.process.isAlive, true);
  t.equal(processes.sizes.monitors, 0);
  t.match(process.exitReason, { name: 'enough' });
  t.equal(processes.spawnServer(idle).exitReason, undefined);
  process.stop(atom('again'));
  t.match(await process.exited, { name: 'enough' });
});

test('the signal of an ended process is aborted', (t) => {
  const process = table().spawnServer(idle);
  process.stop();
  t.equal(process.signal.aborted, true);
  t.end();
});

test('exit with kill cannot be trapped, and others see killed', (t) => {
  const processes = table();
  const victim = collector(processes, { trapExit: true });
  const watcher = collector(processes, { trapExit: true });
  watcher.process.link(victim.process.pid);
  watcher.process.exit(victim.process.pid, atom('kill'));
  t.same(victim.messages, []);
  t.match(victim.process.exitReason, { name: 'killed' });
  t.same(watcher.messages, [tuple(atom('EXIT'), victim.process.pid, atom('killed'))]);
  t.end();
});

test('exit with normal is ignored unless trapped, or sent to oneself', (t) => {
  const processes = table();
  const sender = processes.spawnServer(idle);
  const plain = processes.spawnServer(idle);
  const trapping = collector(processes, { trapExit: true });
  sender.exit(plain.pid, atom('normal'));
  sender.exit(trapping.process.pid, atom('normal'));
  t.equal(plain.isAlive, true);
  t.same(trapping.messages, [tuple(atom('EXIT'), sender.pid, atom('normal'))]);
  sender.exit(sender.pid, atom('normal'));
  t.match(sender.exitReason, { name: 'normal' });
  t.end();
});

test('exit with another reason ends a process, or is a message to one that traps', (t) => {
  const processes = table();
  const sender = processes.spawnServer(idle);
  const plain = processes.spawnServer(idle);
  const trapping = collector(processes, { trapExit: true });
  sender.exit(plain.pid, atom('oops'));
  sender.exit(trapping.process.pid, atom('oops'));
  t.match(plain.exitReason, { name: 'oops' });
  t.same(trapping.messages, [tuple(atom('EXIT'), sender.pid, atom('oops'))]);
  t.end();
});

test('kill as the reason of a linked process is a reason like any other', (t) => {
  const processes = table();
  const trapping = collector(processes, { trapExit: true });
  const ending = processes.spawnServer(idle);
  const plain = processes.spawnServer(idle);
  ending.link(trapping.process.pid);
  plain.link(ending.pid);
  ending.stop(atom('kill'));
  t.same(trapping.messages, [tuple(atom('EXIT'), ending.pid, atom('kill'))]);
  t.match(plain.exitReason, { name: 'kill' });
  t.end();
});

test('the normal end of a linked process ends nobody', (t) => {
  const processes = table();
  const ending = processes.spawnServer(idle);
  const plain = collector(processes, { link: ending.pid });
  const trapping = collector(processes, { link: ending.pid, trapExit: true });
  ending.stop();
  t.equal(plain.process.isAlive, true);
  t.same(trapping.messages, [tuple(atom('EXIT'), ending.pid, atom('normal'))]);
  t.end();
});

test('linking to a dead process means exit with noproc', (t) => {
  const processes = table();
  const dead = processes.spawnServer(idle);
  dead.stop();
  const plain = processes.spawnServer(idle);
  plain.link(dead.pid);
  t.match(plain.exitReason, { name: 'noproc' });
  const trapping = collector(processes, { trapExit: true });
  trapping.process.link(dead.pid);
  trapping.process.link(new Pid('a@x', 1, 0, 99));
  t.match(trapping.messages.length, 2);
  t.same(trapping.messages[0], tuple(atom('EXIT'), dead.pid, atom('noproc')));
  t.end();
});

test('after unlink, and with oneself, a link has no effect', (t) => {
  const processes = table();
  const one = processes.spawnServer(idle);
  const two = processes.spawnServer(idle);
  one.link(one.pid);
  one.link(two.pid);
  t.same(processes.linksOf(two.pid), [one.pid]);
  two.unlink(one.pid);
  one.stop(atom('oops'));
  t.equal(two.isAlive, true);
  t.equal(processes.sizes.links, 0);
  t.end();
});

test('a monitor tells the end by pid, by name and by name on this node', (t) => {
  const processes = table();
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
  const processes = table();
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
  const processes = table();
  const watcher = collector(processes);
  const ref = watcher.process.monitor(atom('nobody'));
  const named = tuple(atom('nobody'), atom('a@x'));
  t.same(watcher.messages, [tuple(atom('DOWN'), ref, atom('process'), named, atom('noproc'))]);
  watcher.process.monitor(new Pid('a@x', watcher.process.pid.id, 0, 99));
  t.equal(watcher.messages.length, 2);
  t.end();
});

test('demonitor ends a monitor; flush also removes the message that came already', async (t) => {
  const processes = table();
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
  const processes = table();
  const watched = processes.spawnServer(idle);
  const watcher = collector(processes);
  const ref = watcher.process.monitor(watched.pid);
  t.equal(processes.spawnServer(idle).demonitor(ref), false);
  watched.stop();
  t.equal(watcher.messages.length, 1);
  t.end();
});

test('messages through an alias arrive until it is removed or used up', (t) => {
  const processes = table();
  const sender = processes.spawnServer(idle);
  const { process, messages } = collector(processes);
  const lasting = process.alias();
  const once = process.alias({ mode: 'reply' });
  for (const message of [1, 2]) sender.send(lasting, message);
  for (const message of [3, 4]) sender.send(once, message);
  t.equal(process.unalias(lasting), true);
  sender.send(lasting, 5);
  t.same(messages, [1, 2, 3]);
  t.equal(process.unalias(once), false);
  t.end();
});

test('the alias of a monitor ends with it, by demonitor, by down, and by a reply if so chosen', (t) => {
  const processes = table();
  const sender = processes.spawnServer(idle);
  const watched = processes.spawnServer(idle);
  const { process, messages } = collector(processes);
  const demonitored = process.monitor(watched.pid, { alias: true });
  sender.send(demonitored, 1);
  process.demonitor(demonitored);
  sender.send(demonitored, 2);
  const replied = process.monitor(watched.pid, { alias: 'reply_demonitor' });
  sender.send(replied, 3);
  sender.send(replied, 4);
  t.equal(processes.sizes.monitors, 0);
  process.monitor(watched.pid, { alias: true });
  const kept = process.monitor(watched.pid, { alias: 'explicit_unalias' });
  watched.stop();
  t.equal(processes.sizes.aliases, 1);
  sender.send(kept, 5);
  t.equal(messages.length, 5);
  t.same(
    messages.filter((m) => typeof m === 'number'),
    [1, 3, 5],
  );
  t.end();
});

test('a request takes the messages with its reference, past the mailbox, until it ends', (t) => {
  const processes = table();
  const watched = processes.spawnServer(idle);
  const { process, messages } = collector(processes);
  const taken: Term[] = [];
  const slot = {
    caller: process,
    onMessage: (m: Term) => void taken.push(m),
    onExit: () => t.fail('alive'),
  };
  const ref = process.beginRequest(slot);
  process.monitor(watched.pid, { ref });
  watched.send(process.pid, tuple(ref, 1));
  watched.send(process.pid, tuple(process.makeRef(), 2));
  watched.send(ref, tuple(ref, 3));
  watched.stop();
  t.equal(taken.length, 3);
  t.equal(messages.length, 1);
  t.equal(process.pending.requests, 1);
  t.equal(processes.sizes.aliases, 1);
  process.endRequest(ref);
  process.endRequest(ref);
  t.equal(process.pending.requests, 0);
  t.equal(processes.sizes.aliases, 0);
  processes.send(processes.nobody, ref, tuple(ref, 4));
  processes.send(processes.nobody, process.pid, tuple(ref, 5));
  t.equal(taken.length, 3);
  t.equal(messages.length, 2);
  process.stop();
  t.end();
});

test('a request is told when the process that waits has ended', (t) => {
  const processes = table();
  const process = processes.spawnServer(idle);
  const other = processes.spawnServer(idle);
  const ends: Term[] = [];
  const slot = (caller: Process) => ({
    caller,
    onMessage: () => t.fail('nothing was sent'),
    onExit: (reason: Term) => {
      ends.push(reason);
      caller.endRequest(ref);
    },
  });
  const ref = process.beginRequest(slot(process));
  const others = other.beginRequest(slot(other));
  process.stop(atom('done'));
  t.match(ends, [{ name: 'done' }]);
  t.equal(processes.sizes.aliases, 1);
  other.endRequest(others);
  t.equal(processes.sizes.aliases, 0);
  t.end();
});

test('a watcher is told of the end in place of the mailbox, at once if there is no process', (t) => {
  const processes = table();
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

test("a server handles an idle process's message in the same tick", (t) => {
  const processes = table();
  const { process, messages } = collector(processes);
  processes.send(processes.nobody, process.pid, 1);
  t.same(messages, [1]);
  t.end();
});

test('a handler with a promise is finished before the next message', async (t) => {
  const processes = table();
  const log: string[] = [];
  const server = processes.spawnServer({
    onMessage: async (message) => {
      log.push(`start ${message}`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`end ${message}`);
      if (message === 2) server.stop();
    },
  });
  for (const message of [1, 2]) processes.send(processes.nobody, server.pid, message);
  t.equal(server.mailboxLength, 1);
  await server.exited;
  t.same(log, ['start 1', 'end 1', 'start 2', 'end 2']);
});

test('a handler may receive selectively while it is at work', async (t) => {
  const processes = table();
  const seen: Term[] = [];
  const server = processes.spawnServer({
    onMessage: async (message, self) => {
      seen.push(message);
      if (message === 1) seen.push(await self.receive({ match: (m) => m === 3 }));
      if (message === 2) self.stop();
    },
  });
  for (const message of [1, 2, 3]) processes.send(processes.nobody, server.pid, message);
  await server.exited;
  t.same(seen, [1, 3, 2]);
});

test('processes that answer each other synchronously do not recurse, nor starve the event loop', async (t) => {
  const processes = table();
  let turns = 0;
  const bounce = (message: Term, self: Process): void => {
    turns += 1;
    if (turns === 100_000) self.stop();
    else if (message instanceof Pid) self.send(message, self.pid);
  };
  const ping = processes.spawnServer({ onMessage: bounce });
  const pong = processes.spawnServer({ onMessage: bounce });
  ping.send(pong.pid, ping.pid);
  t.ok(turns < 100_000);
  let ticks = 0;
  while (turns < 100_000) {
    await new Promise((resolve) => setImmediate(resolve));
    ticks += 1;
  }
  t.ok(ticks > 1);
});

test('a handler that throws ends its process and disturbs no other delivery', async (t) => {
  const processes = table();
  const good = collector(processes);
  const bad = processes.spawnServer({
    onMessage: (_message, self) => {
      self.send(good.process.pid, 'first'.length);
      throw new Error('bad');
    },
  });
  const badLater = processes.spawnServer({
    onMessage: async () => {
      throw new Error('bad later');
    },
  });
  const witness = collector(processes);
  witness.process.monitor(bad.pid);
  processes.send(processes.nobody, bad.pid, 1);
  processes.send(processes.nobody, badLater.pid, 1);
  processes.send(processes.nobody, good.process.pid, 2);
  t.same(good.messages, [5, 2]);
  t.equal(witness.messages.length, 1);
  t.match(await badLater.exited, tuple(tuple(atom('js_error'), binary('Error: bad later')), []));
});

test('a chain of 20,000 linked processes ends without recursion', (t) => {
  const processes = table();
  let last = processes.spawnServer(idle);
  const first = last;
  for (let i = 0; i < 20_000; i += 1) last = processes.spawnServer({ ...idle, link: last.pid });
  first.stop(atom('chain'));
  t.match(last.exitReason, { name: 'chain' });
  t.equal(processes.size, 0);
  t.equal(processes.sizes.links, 0);
  t.end();
});

test('timers send messages, and end with their process', (t) => {
  const clock = new FakeClock();
  const processes = table({ clock });
  const { process, messages } = collector(processes);
  const other = collector(processes);
  process.sendAfter(10, 1);
  process.sendAfter(20, 2, other.process.pid);
  const cancelled = process.sendAfter(20, 3);
  clock.step(15);
  t.equal(process.cancelTimer(cancelled), 5);
  t.equal(process.cancelTimer(cancelled), undefined);
  clock.step(10);
  t.same(messages, [1]);
  t.same(other.messages, [2]);
  process.sendAfter(10, 4);
  process.stop();
  t.equal(clock.pending, 0);
  process.sendAfter(10, 5);
  t.equal(clock.pending, 0);
  t.end();
});

test('shutdown ends a process, or asks a server that has a way of its own', (t) => {
  const processes = table();
  const plain = processes.spawnServer(idle);
  plain.shutdown();
  t.match(plain.exitReason, { name: 'shutdown' });
  let asked = 0;
  const server = processes.spawnServer({ ...idle, onShutdown: () => (asked += 1) });
  server.shutdown();
  t.equal(asked, 1);
  t.equal(server.isAlive, true);
  server.stop();
  server.shutdown();
  t.equal(asked, 1);
  t.end();
});
