import { getEventListeners } from 'node:events';
import { test } from 'tap';
import { parseCall } from '../../../../lib/distribution/gen-server/envelope.ts';
import {
  type CallResult,
  reply,
  startGenServer,
} from '../../../../lib/distribution/gen-server/gen-server.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { ImproperList, tuple } from '../../../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';
import { CLIENT_ONLY, clientAlone, Silent } from '../../../support/gen-server-client.ts';

test('a remote call is monitor, request with an alias tag, demonitor', async (t) => {
  const { processes, remote, client } = clientAlone();
  const calling = client.call({ name: 'counter', node: 'b@x' }, atom('get'));
  const [monitor, request, ...more] = remote.take();
  t.same(more, []);
  if (monitor?.signal.type !== 'monitor') throw new Error('expected a monitor first');
  if (request?.signal.type !== 'send_name') throw new Error('expected the request');
  const { ref, from } = monitor.signal;
  t.same(request.signal, {
    type: 'send_name',
    from,
    to: atom('counter'),
    message: tuple(
      atom('$gen_call'),
      tuple(from, new ImproperList([atom('alias')], ref)),
      atom('get'),
    ),
  });
  const server = new Pid('b@x', 1, 0, 1);
  const answer = tuple(new ImproperList([atom('alias')], ref), 7);
  processes.receive('b@x', { type: 'send_alias', from: server, to: ref, message: answer });
  t.equal(await calling, 7);
  t.match(remote.take(), [{ signal: { type: 'demonitor', ref, target: atom('counter') } }]);
  t.same(processes.sizes, CLIENT_ONLY);
});

test('a reply that is sent to the pid counts as well', async (t) => {
  const { processes, remote, client } = clientAlone();
  const server = new Pid('b@x', 1, 0, 1);
  const calling = client.call(server, atom('get'));
  const request = remote.take()[1]?.signal;
  if (request?.type !== 'send') throw new Error('expected the request');
  const { from } = parseCall(request.message)!;
  const message = tuple(from.tag, 7);
  processes.receive('b@x', { type: 'send', from: server, to: from.pid, message });
  t.equal(await calling, 7);
  t.match(processes.sizes, { ...CLIENT_ONLY, monitors: 1 });
});

test('a reply of another shape is bad_reply', async (t) => {
  const { processes, client } = clientAlone();
  const process = processes.spawnServer({
    onMessage(message, self) {
      const { from } = parseCall(message)!;
      self.send(from.pid, tuple(from.tag, 1, 2));
    },
  });
  await t.rejects(client.call(process.pid, 1), { code: 'bad_reply' });
});

test('a time-out leaves nothing behind and late replies are dropped', async (t) => {
  const { processes, client, clock, remote } = clientAlone();
  const silent = new Silent();
  await startGenServer(processes, silent, { name: 'silent' });
  const calling = client.call(atom('silent'), 1);
  const remoteCall = client.call({ name: 'silent', node: 'b@x' }, 1, { timeoutMs: 99.6 });
  clock.step(100);
  await t.rejects(remoteCall, {
    code: 'timeout',
    message: /within 100 ms/,
    context: { node: 'b@x' },
  });
  t.same(remote.takeTypes(), ['monitor', 'send_name', 'demonitor']);
  clock.step(4_900);
  await t.rejects(calling, { code: 'timeout', message: /silent within 5000 ms/ });
  t.match(processes.sizes, { monitors: 0, aliases: 0 });
  t.equal(clock.pending, 0);
  const late = silent.callers[0]!;
  reply(processes, late, 1);
  processes.send(processes.nobody, late.pid, tuple(late.tag, 1));
  t.equal(processes.get(late.pid)!.mailboxLength, 0);
});

test("aborting gives up with the signal's reason and leaves nothing behind", async (t) => {
  const { processes, client, clock } = clientAlone();
  await startGenServer(processes, new Silent(), { name: 'silent' });
  const controller = new AbortController();
  const calling = client.call(atom('silent'), 1, { signal: controller.signal });
  const why = new Error('user left');
  controller.abort(why);
  await t.rejects(calling, why);
  await t.rejects(client.call(atom('silent'), 1, { signal: controller.signal }), why);
  t.match(processes.sizes, { monitors: 0, aliases: 0 });
  t.equal(clock.pending, 0);
});

test('calls that share a signal put one listener on it, for as long as one of them waits', async (t) => {
  const { processes, client } = clientAlone();
  await startGenServer(processes, new Silent(), { name: 'silent' });
  const controller = new AbortController();
  const { signal } = controller;
  const calls = Array.from({ length: 20 }, () => client.call(atom('silent'), 1, { signal }));
  t.equal(getEventListeners(signal, 'abort').length, 1);
  const why = new Error('user left');
  controller.abort(why);
  for (const call of calls) await t.rejects(call, why);
  t.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a signal that is aborted while the server is at work counts at once', async (t) => {
  const { processes, client, clock } = clientAlone();
  const controller = new AbortController();
  const why = new Error('the server did it');
  const handleCall = (): CallResult => {
    controller.abort(why);
    return { noReply: true };
  };
  await startGenServer(processes, { handleCall }, { name: 'server' });
  await t.rejects(client.call(atom('server'), 1, { signal: controller.signal }), why);
  t.match(processes.sizes, { monitors: 0, aliases: 0 });
  t.equal(clock.pending, 0);
});

test('a request that cannot be sent fails at once and leaves nothing behind', async (t) => {
  const telemetry = new Telemetry();
  const { processes, client, clock, remote } = clientAlone({ telemetry });
  const outcomes: unknown[] = [];
  telemetry.attach('test', 'gen_server.call.stop', (_event, _measurements, { outcome }) =>
    outcomes.push(outcome),
  );
  remote.isTerm = (signal) => !('message' in signal);
  const caller = processes.spawnServer({ onMessage: () => {} });
  const { sizes } = processes;
  for (const server of [new Pid('b@x', 9, 0, 1), { name: 'server', node: 'b@x' }]) {
    for (const options of [{}, { as: caller }]) {
      remote.take();
      await t.rejects(client.call(server, Number.NaN, options), { code: 'unencodable' });
      client.stop();
      t.same(processes.sizes, sizes);
      t.same(caller.pending, { requests: 0, timers: 0, receives: 0 });
      t.same(remote.takeTypes(), ['monitor', 'demonitor']);
      t.equal(clock.pending, 0);
    }
  }
  t.same(outcomes, new Array(4).fill('unencodable'));
});

test('a call that ends while the end of others is told ends once', async (t) => {
  const telemetry = new Telemetry();
  const { processes, client } = clientAlone({ telemetry });
  const server = new Pid('b@x', 9, 0, 1);
  const controller = new AbortController();
  const outcomes: unknown[] = [];
  telemetry.attach('test', 'gen_server.call.stop', (_event, _measurements, { outcome }) => {
    outcomes.push(outcome);
    controller.abort(new Error('enough'));
  });
  const { signal } = controller;
  const calls = [client.call(server, 1), client.call(server, 2, { signal })];
  processes.nodedown('b@x');
  await t.rejects(calls[0]!, { code: 'noconnection' });
  await t.rejects(calls[1]!, { message: 'enough' });
  t.same(outcomes, ['noconnection', 'aborted']);
  t.match(processes.sizes, { monitors: 0, aliases: 0 });
});

test('a call ends when the calling process does', async (t) => {
  const { processes, client } = clientAlone();
  await startGenServer(processes, new Silent(), { name: 'silent' });
  const process = processes.spawnServer({ onMessage: () => {} });
  const calling = client.call(atom('silent'), 1, { as: process });
  process.stop(atom('done'));
  await t.rejects(calling, { name: 'ProcessExit', reason: { name: 'done' } });
  await t.rejects(client.call(atom('silent'), 1, { as: process }), { name: 'ProcessExit' });
  t.match(processes.sizes, { monitors: 0, aliases: 0 });
});
