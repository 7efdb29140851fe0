import { getEventListeners } from 'node:events';
import { test } from 'tap';
import { GenServerClient } from '../../../../lib/distribution/gen-server/client.ts';
import { parseCall } from '../../../../lib/distribution/gen-server/envelope.ts';
import {
  type CallResult,
  type From,
  type GenServer,
  reply,
  startGenServer,
} from '../../../../lib/distribution/gen-server/gen-server.ts';
import { IDLE_MONITOR_MS } from '../../../../lib/distribution/gen-server/server-monitors.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom, isAtom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { ImproperList, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { ProcessNetwork } from '../../../support/process-network.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

class Counter implements GenServer {
  #count = 0;

  handleCall(request: Term): CallResult {
    if (isAtom(request, 'increment')) this.#count += 1;
    return { reply: this.#count };
  }
}

/** Answers nobody, and remembers who asked. */
class Silent implements GenServer {
  readonly callers: From[] = [];

  handleCall(_request: Term, from: From): CallResult {
    this.callers.push(from);
    return { noReply: true };
  }
}

function alone(options: { telemetry?: Telemetry } = {}) {
  const clock = new FakeClock();
  const remote = new RecordingRemote();
  const processes = new ProcessTable({ node: 'a@x', creation: 1, remote, clock });
  const client = new GenServerClient({ processes, ...options });
  return { clock, remote, processes, client };
}

const CLIENT_ONLY = { processes: 1, links: 0, monitors: 0, aliases: 0, names: 0 };

test('calls a server by pid, by name, by name and node, and by global name', async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x']);
  t.teardown(() => network.stop());
  const processes = network.table('a@x');
  await startGenServer(processes, new Counter(), { name: 'counter' });
  await startGenServer(network.table('b@x'), new Counter(), { name: 'counter' });
  const theirs = network.table('b@x').whereis('counter')!;
  const client = new GenServerClient({
    processes,
    whereisGlobal: (name) => (isAtom(name, 'counter') ? theirs : undefined),
  });
  const increment = atom('increment');
  t.equal(await client.call(atom('counter'), increment), 1);
  t.equal(await client.call({ name: 'counter', node: 'a@x' }, increment), 2);
  t.equal(await client.call(processes.whereis('counter')!, increment), 3);
  t.equal(await client.call(theirs, increment), 1);
  t.equal(await client.call({ name: 'counter', node: 'b@x' }, increment), 2);
  t.equal(await client.call({ global: atom('counter') }, increment), 3);
});

test('a remote call is monitor, request with an alias tag, demonitor', async (t) => {
  const { processes, remote, client } = alone();
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
  const { processes, remote, client } = alone();
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

test('calls of one pid share a monitor, which goes when it was not needed for a while', async (t) => {
  const { processes, remote, client, clock } = alone();
  const server = new Pid('b@x', 1, 0, 1);
  const answer = (count: number): void => {
    for (const { signal } of remote.take()) {
      if (signal.type !== 'send') continue;
      const { tag } = parseCall(signal.message)!.from;
      if (!(tag instanceof ImproperList && tag.tail instanceof Reference))
        throw new Error('no alias');
      const message = tuple(tag, count);
      processes.receive('b@x', { type: 'send_alias', from: server, to: tag.tail, message });
    }
  };
  const first = [client.call(server, 1), client.call(server, 2)];
  t.same(
    remote.delivered.map(({ signal }) => signal.type),
    ['monitor', 'send', 'send'],
  );
  answer(7);
  t.same(await Promise.all(first), [7, 7]);
  const third = client.call(server, 3);
  t.same(
    remote.delivered.map(({ signal }) => signal.type),
    ['send'],
  );
  answer(8);
  t.equal(await third, 8);
  clock.step(IDLE_MONITOR_MS);
  t.equal(processes.sizes.monitors, 1);
  clock.step(IDLE_MONITOR_MS);
  t.same(remote.takeTypes(), ['demonitor']);
  t.same(processes.sizes, CLIENT_ONLY);
  t.equal(clock.pending, 0);
});

test('all calls of one pid fail when it ends, and later ones ask anew', async (t) => {
  const { processes, remote, client, clock } = alone();
  const server = new Pid('b@x', 1, 0, 1);
  const calls = [client.call(server, 1), client.call(server, 2)];
  const [monitor] = remote.take();
  if (monitor?.signal.type !== 'monitor') throw new Error('expected a monitor first');
  const { ref, from } = monitor.signal;
  processes.receive('b@x', { type: 'down', from: server, to: from, ref, reason: atom('tired') });
  for (const call of calls) await t.rejects(call, { code: 'exit', message: /tired/ });
  const again = client.call(server, 3);
  t.same(remote.takeTypes(), ['monitor', 'send']);
  processes.nodedown('b@x');
  await t.rejects(again, { code: 'noconnection' });
  t.same(processes.sizes, CLIENT_ONLY);
  t.equal(clock.pending, 0);
});

test('the end of the client takes the monitors that it kept', async (t) => {
  const { processes, remote, client, clock } = alone();
  const call = client.call(new Pid('b@x', 1, 0, 1), 1);
  client.stop();
  await t.rejects(call, { name: 'ProcessExit' });
  t.same(remote.takeTypes(), ['monitor', 'send', 'demonitor']);
  t.equal(processes.sizes.monitors, 0);
  t.equal(clock.pending, 0);
});

test('a reply of another shape is bad_reply', async (t) => {
  const { processes, client } = alone();
  const process = processes.spawnServer({
    onMessage(message, self) {
      const { from } = parseCall(message)!;
      self.send(from.pid, tuple(from.tag, 1, 2));
    },
  });
  await t.rejects(client.call(process.pid, 1), { code: 'bad_reply' });
});

test('a time-out leaves nothing behind and late replies are dropped', async (t) => {
  const { processes, client, clock, remote } = alone();
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

test('a server that is not there is noproc', async (t) => {
  const { processes, client } = alone();
  const dead = processes.spawnServer({ onMessage: () => {} });
  dead.stop();
  const destinations = [
    atom('nobody'),
    { name: 'nobody', node: 'a@x' },
    dead.pid,
    new Pid('a@x', 1, 0, 99),
    { global: atom('nobody') },
  ];
  for (const destination of destinations) {
    await t.rejects(client.call(destination, 1), {
      code: 'noproc',
      context: { exitReason: { name: 'noproc' } },
    });
  }
  t.same(processes.sizes, CLIENT_ONLY);
});

test("between nodes: noproc, the server's exit reason, and noconnection", async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x']);
  t.teardown(() => network.stop());
  const client = new GenServerClient({ processes: network.table('a@x') });
  const b = network.table('b@x');
  await t.rejects(client.call({ name: 'nobody', node: 'b@x' }, 1), {
    code: 'noproc',
    context: { node: 'b@x' },
  });
  await startGenServer(b, { handleCall: () => ({ stop: atom('tired') }) }, { name: 'tired' });
  await t.rejects(client.call({ name: 'tired', node: 'b@x' }, 1), {
    code: 'exit',
    context: { exitReason: { name: 'tired' } },
  });
  await startGenServer(b, new Silent(), { name: 'silent' });
  const calling = client.call({ name: 'silent', node: 'b@x' }, 1);
  await network.settle();
  network.disconnect('a@x', 'b@x');
  await t.rejects(calling, {
    code: 'noconnection',
    context: { exitReason: tuple(atom('nodedown'), atom('b@x')) },
  });
  network.refuse('b@x');
  await t.rejects(client.call({ name: 'silent', node: 'b@x' }, 1), { code: 'noconnection' });
});

test('a server that calls itself is refused', async (t) => {
  const { processes, client } = alone();
  const process = processes.spawnServer({ name: 'me', onMessage: () => {} });
  for (const me of [process.pid, atom('me'), { name: 'me', node: 'a@x' }]) {
    await t.rejects(client.call(me, 1, { as: process }), {
      code: 'calling_self',
      context: { exitReason: { name: 'calling_self' } },
    });
  }
});

test("aborting gives up with the signal's reason and leaves nothing behind", async (t) => {
  const { processes, client, clock } = alone();
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
  const { processes, client } = alone();
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
  const { processes, client, clock } = alone();
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
  const { processes, client, clock, remote } = alone({ telemetry });
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
  const { processes, client } = alone({ telemetry });
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

test('a call can be made as a given process, whose mailbox stays its own', async (t) => {
  const { processes, client } = alone();
  const callers: Pid[] = [];
  await startGenServer(
    processes,
    {
      handleCall(_request, from) {
        callers.push(from.pid);
        return { reply: 1 };
      },
    },
    { name: 'server' },
  );
  const process = processes.spawn(async (self) => {
    t.equal(await client.call(atom('server'), 1, { as: self }), 1);
    t.equal(self.mailboxLength, 0);
    client.cast(atom('server'), 1, { as: self });
  });
  await process.exited;
  t.same(callers, [process.pid]);
});

test('a call ends when the calling process does', async (t) => {
  const { processes, client } = alone();
  await startGenServer(processes, new Silent(), { name: 'silent' });
  const process = processes.spawnServer({ onMessage: () => {} });
  const calling = client.call(atom('silent'), 1, { as: process });
  process.stop(atom('done'));
  await t.rejects(calling, { name: 'ProcessExit', reason: { name: 'done' } });
  await t.rejects(client.call(atom('silent'), 1, { as: process }), { name: 'ProcessExit' });
  t.match(processes.sizes, { monitors: 0, aliases: 0 });
});

test("the client's own process is replaced when somebody ends it", async (t) => {
  const { processes, client } = alone();
  const silent = new Silent();
  await startGenServer(processes, silent, { name: 'silent' });
  const calling = client.call(atom('silent'), 1);
  processes.exit(processes.nobody, silent.callers[0]!.pid, atom('kill'));
  await t.rejects(calling, { name: 'ProcessExit' });
  await startGenServer(processes, new Counter(), { name: 'counter' });
  t.equal(await client.call(atom('counter'), atom('get')), 0);
  client.stop();
  t.equal(processes.size, 2);
});

test('a cast to nobody is dropped', (t) => {
  const { client, remote } = alone();
  client.cast(atom('nobody'), 1);
  client.cast({ global: atom('nobody') }, 1);
  client.cast({ name: 'server', node: 'b@x' }, 1);
  t.match(remote.take(), [{ signal: { type: 'send_name', message: tuple(atom('$gen_cast'), 1) } }]);
  t.end();
});

test('emits the duration and outcome of calls, if anybody listens', async (t) => {
  const telemetry = new Telemetry();
  const { processes, client, clock } = alone({ telemetry });
  await startGenServer(processes, new Counter(), { name: 'counter' });
  await startGenServer(processes, new Silent(), { name: 'silent' });
  await client.call(atom('counter'), 1);
  const events: unknown[] = [];
  telemetry.attach('test', 'gen_server.call.stop', (_event, measurements, { outcome }) =>
    events.push([measurements.durationMs, outcome]),
  );
  await client.call(atom('counter'), 1);
  await t.rejects(client.call(atom('nobody'), 1));
  const calling = client.call(atom('silent'), 1, { timeoutMs: 30 });
  clock.step(30);
  await t.rejects(calling);
  t.same(events, [
    [0, 'reply'],
    [0, 'noproc'],
    [30, 'timeout'],
  ]);
});

test('multiCall collects replies, and nodes without an answer', async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x', 'c@x', 'd@x']);
  t.teardown(() => network.stop());
  const client = new GenServerClient({ processes: network.table('a@x') });
  for (const node of ['a@x', 'b@x']) {
    await startGenServer(network.table(node), new Counter(), { name: 'counter' });
  }
  await startGenServer(network.table('d@x'), new Silent(), { name: 'counter' });
  const nodes = ['a@x', 'd@x', 'b@x', 'c@x'];
  const calling = client.multiCall(nodes, 'counter', atom('increment'));
  await network.settle();
  network.disconnect('a@x', 'd@x');
  t.same(await calling, {
    replies: new Map([
      ['a@x', 1],
      ['b@x', 1],
    ]),
    badNodes: ['d@x', 'c@x'],
  });
});

test('multiCall has a time-out only if one is given, and stops with its process', async (t) => {
  const { processes, client, clock } = alone();
  await startGenServer(processes, new Silent(), { name: 'silent' });
  const timed = client.multiCall(['a@x'], 'silent', 1, { timeoutMs: 50 });
  const process = processes.spawnServer({ onMessage: () => {} });
  const endless = client.multiCall(['a@x'], 'silent', 1, { as: process });
  clock.step(10_000_000);
  t.same(await timed, { replies: new Map(), badNodes: ['a@x'] });
  process.stop();
  await t.rejects(endless, { name: 'ProcessExit' });
});

test('10,000 calls, local and remote, answered and not, leave the tables empty', async (t) => {
  const network = new ProcessNetwork(['a@x', 'b@x']);
  const [a, b] = [network.table('a@x'), network.table('b@x')];
  const client = new GenServerClient({ processes: a });
  for (const processes of [a, b]) {
    await startGenServer(processes, new Counter(), { name: 'counter' });
    await startGenServer(processes, new Silent(), { name: 'silent' });
  }
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 2_500; i += 1) {
    for (const node of ['a@x', 'b@x']) {
      calls.push(client.call({ name: 'counter', node }, 1));
      calls.push(client.call({ name: 'silent', node }, 1, { timeoutMs: 1 }).catch(() => undefined));
    }
  }
  await Promise.all(calls);
  await network.settle();
  t.match(a.sizes, { links: 0, monitors: 0, aliases: 0 });
  t.match(b.sizes, { links: 0, monitors: 0, aliases: 0 });
  await network.stop();
  for (const processes of [a, b]) t.equal(processes.size, 0);
});
