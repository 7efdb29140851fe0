import { test } from 'tap';
import { exitReasonOf, type Process } from '../../../../lib/distribution/process/process.ts';
import { ProcessExit } from '../../../../lib/distribution/process/process-exit.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { binary, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';
import { collector, idle, processTable } from '../../../support/process-table.ts';

test('a body runs after spawn has returned and ends with normal when it returns', async (t) => {
  const log: string[] = [];
  const process = processTable().processes.spawn(async () => void log.push('body'));
  log.push('spawned');
  t.match(await process.exited, { name: 'normal' });
  t.same(log, ['spawned', 'body']);
  t.equal(process.isAlive, false);
});

test('a body that is ended before it ran never runs', async (t) => {
  const process = processTable().processes.spawn(() => void t.fail('must not run'));
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
  const process = processTable({ telemetry }).processes.spawn(() => {
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
  const process = processTable({ telemetry }).processes.spawn(() => {
    throw new ProcessExit(atom('bye'));
  });
  t.match(await process.exited, { name: 'bye' });
  t.equal(process.crashError, undefined);
});

test('an error that comes out of a body after its end is reported apart', async (t) => {
  const telemetry = new Telemetry();
  const events: string[] = [];
  telemetry.attach('test', 'process.*', (event) => events.push(event));
  const process = processTable({ telemetry }).processes.spawn(async (self) => {
    await self.receive().catch(() => undefined);
    throw new Error('too late');
  });
  await Promise.resolve();
  process.stop();
  await new Promise((resolve) => setImmediate(resolve));
  t.same(events, ['process.error_after_exit']);
});

test('ending a process rejects its receive, aborts its signal and silences it', async (t) => {
  const { processes } = processTable();
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
  const process = processTable().processes.spawnServer(idle);
  process.stop();
  t.equal(process.signal.aborted, true);
  t.end();
});

test('exit with kill cannot be trapped, and others see killed', (t) => {
  const { processes } = processTable();
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
  const { processes } = processTable();
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
  const { processes } = processTable();
  const sender = processes.spawnServer(idle);
  const plain = processes.spawnServer(idle);
  const trapping = collector(processes, { trapExit: true });
  sender.exit(plain.pid, atom('oops'));
  sender.exit(trapping.process.pid, atom('oops'));
  t.match(plain.exitReason, { name: 'oops' });
  t.same(trapping.messages, [tuple(atom('EXIT'), sender.pid, atom('oops'))]);
  t.end();
});

test("a server handles an idle process's message in the same tick", (t) => {
  const { processes } = processTable();
  const { process, messages } = collector(processes);
  processes.send(processes.nobody, process.pid, 1);
  t.same(messages, [1]);
  t.end();
});

test('a handler with a promise is finished before the next message', async (t) => {
  const { processes } = processTable();
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
  const { processes } = processTable();
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
  const { processes } = processTable();
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
  const { processes } = processTable();
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

test('shutdown ends a process, or asks a server that has a way of its own', (t) => {
  const { processes } = processTable();
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
