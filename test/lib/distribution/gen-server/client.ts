import { test } from 'tap';
import { GenServerClient } from '../../../../lib/distribution/gen-server/client.ts';
import { startGenServer } from '../../../../lib/distribution/gen-server/gen-server.ts';
import { atom, isAtom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { tuple } from '../../../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';
import { CLIENT_ONLY, Counter, clientAlone, Silent } from '../../../support/gen-server-client.ts';
import { ProcessNetwork } from '../../../support/process-network.ts';

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

test('a server that is not there is noproc', async (t) => {
  const { processes, client } = clientAlone();
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
  const { processes, client } = clientAlone();
  const process = processes.spawnServer({ name: 'me', onMessage: () => {} });
  for (const me of [process.pid, atom('me'), { name: 'me', node: 'a@x' }]) {
    await t.rejects(client.call(me, 1, { as: process }), {
      code: 'calling_self',
      context: { exitReason: { name: 'calling_self' } },
    });
  }
});

test('a call can be made as a given process, whose mailbox stays its own', async (t) => {
  const { processes, client } = clientAlone();
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

test("the client's own process is replaced when somebody ends it", async (t) => {
  const { processes, client } = clientAlone();
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
  const { client, remote } = clientAlone();
  client.cast(atom('nobody'), 1);
  client.cast({ global: atom('nobody') }, 1);
  client.cast({ name: 'server', node: 'b@x' }, 1);
  t.match(remote.take(), [{ signal: { type: 'send_name', message: tuple(atom('$gen_cast'), 1) } }]);
  t.end();
});

test('emits the duration and outcome of calls, if anybody listens', async (t) => {
  const telemetry = new Telemetry();
  const { processes, client, clock } = clientAlone({ telemetry });
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
  const { processes, client, clock } = clientAlone();
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
