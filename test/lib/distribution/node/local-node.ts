import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'tap';
import { listNames, register } from '../../../../lib/distribution/epmd/client.ts';
import { GenServerClient } from '../../../../lib/distribution/gen-server/client.ts';
import { startGenServer } from '../../../../lib/distribution/gen-server/gen-server.ts';
import type { NodeEvent } from '../../../../lib/distribution/node/cluster-node.ts';
import { LocalNode, type LocalNodeOptions } from '../../../../lib/distribution/node/local-node.ts';
import { atom, isAtom } from '../../../../lib/distribution/terms/atom.ts';
import { isTuple, type Term, Tuple, tuple } from '../../../../lib/distribution/terms/term.ts';
import { OFFERED_FLAGS } from '../../../../lib/distribution/wire/flags.ts';
import { encodeSendName } from '../../../../lib/distribution/wire/handshake/messages.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';
import { freePort, freePorts } from '../../../support/free-ports.ts';
import { dialTo, RawPeer } from '../../../support/sockets.ts';
import { until } from '../../../support/until.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

async function cluster(t: Teardown): Promise<{
  epmdPort: number;
  start: (name: string, options?: LocalNodeOptions) => Promise<LocalNode>;
}> {
  const epmdPort = await freePort();
  const nodes: LocalNode[] = [];
  t.teardown(() => Promise.all(nodes.map((node) => node.stop())));
  return {
    epmdPort,
    async start(name, options = {}) {
      const node = await LocalNode.start({
        name: `${name}@127.0.0.1`,
        cookie: 'oreo',
        epmdPort,
        ...options,
      });
      nodes.push(node);
      node.accept();
      return node;
    },
  };
}

/** Collects what a process is sent. */
function collector(node: LocalNode, name: string): Term[] {
  const messages: Term[] = [];
  node.processes.spawn(
    async (self) => {
      for (;;) messages.push(await self.receive());
    },
    { name },
  );
  return messages;
}

test('two nodes connect, exchange messages and see each other leave', async (t) => {
  const { start } = await cluster(t);
  const [a, b] = [await start('a'), await start('b')];
  const events: string[] = [];
  a.onNodeEvent((event) => events.push(`${event.type} ${event.node}`));
  t.equal(await a.connect(b.name), true);
  t.strictSame(a.nodes(), [b.name]);
  await until(() => b.nodes().length === 1);
  const messages = collector(b, 'inbox');
  const sender = a.processes.spawn(async (self) => {
    for (let i = 0; i < 100; i += 1) self.send({ name: 'inbox', node: b.name }, i);
    await self.receive();
  });
  t.ok(sender.isAlive);
  await until(() => messages.length === 100);
  t.strictSame(messages, [...Array(100).keys()], 'in the order in which they were sent');
  await b.stop();
  await until(() => a.nodes().length === 0);
  t.strictSame(events, ['nodeup b@127.0.0.1', 'nodedown b@127.0.0.1']);
});

test('the first send to a node dials it', async (t) => {
  const { start } = await cluster(t);
  const [a, b] = [await start('a'), await start('b')];
  const messages = collector(b, 'inbox');
  a.processes.spawn((self) => {
    self.send({ name: 'inbox', node: b.name }, atom('one'));
    self.send({ name: 'inbox', node: b.name }, atom('two'));
  });
  await until(() => messages.length === 2);
  t.strictSame(messages.map(String), ['one', 'two']);
});

test('a monitor of a process on a node that cannot be reached fires noconnection', async (t) => {
  const { start } = await cluster(t);
  const a = await start('a');
  const reasons: Term[] = [];
  const watch = a.processes.spawn(async (self) => {
    self.monitor({ name: 'x', node: 'nobody@127.0.0.1' });
    const down = await self.receive({ match: (m) => isTuple(m, 5, 'DOWN') });
    if (down instanceof Tuple) reasons.push(down.elements[4]!);
  });
  await watch.exited;
  t.ok(isAtom(reasons[0], 'noconnection'));
});

test('refuses a peer with another cookie, and says so on both sides', async (t) => {
  const { start } = await cluster(t);
  const seen: Record<string, string[]> = { in: [], out: [] };
  const telemetry = new Telemetry();
  telemetry.attach('t', 'distribution.handshake.refused', (_event, _m, metadata) => {
    seen[String(metadata.direction)]?.push(`${metadata.peer} ${metadata.code}`);
  });
  const a = await start('a', { telemetry });
  const b = await start('b', { telemetry, cookie: 'other' });
  const result = await a.dial(b.name);
  t.match(result, { connected: false, error: { code: 'bad_cookie' } });
  await until(() => seen.in?.length === 1);
  t.strictSame(seen, { in: ['a@127.0.0.1 bad_cookie'], out: ['b@127.0.0.1 bad_cookie'] });
  t.strictSame([...a.nodes(), ...b.nodes()], []);

  a.setCookie(b.name, 'other');
  t.equal(await a.connect(b.name), true, 'a cookie for one node only');
});

test('nodes that dial each other at the same moment end up with one connection', async (t) => {
  const { start } = await cluster(t);
  const nodes: LocalNode[] = [];
  for (let i = 0; i < 8; i += 1) nodes.push(await start(`n${i}`));
  const downs: NodeEvent[] = [];
  for (const node of nodes) {
    node.onNodeEvent((event) => {
      if (event.type === 'nodedown') downs.push(event);
    });
  }
  const dials = nodes.flatMap((node) =>
    nodes.filter((other) => other !== node).map((other) => node.connect(other.name)),
  );
  t.ok((await Promise.all(dials)).every(Boolean));
  await until(() => nodes.every((node) => node.nodes().length === nodes.length - 1));
  t.strictSame(downs, [], 'no connection was lost on the way');
});

test('a node that comes back before its loss was noticed replaces its old connection', async (t) => {
  const { start } = await cluster(t);
  const a = await start('a');
  const b = await start('b');
  const order: string[] = [];
  a.onNodeEvent((event) => order.push(event.type));
  await b.connect(a.name);
  await until(() => a.nodes().length === 1);
  b.disconnect(a.name);
  t.equal(await b.connect(a.name), true);
  await until(() => order.length === 3);
  t.strictSame(order, ['nodeup', 'nodedown', 'nodeup']);
  t.strictSame(a.nodes(), [b.name]);
});

test('closes a socket that is silent in the handshake', async (t) => {
  const { start } = await cluster(t);
  const a = await start('a', { limits: { setupTimeMs: 100 } });
  const socket = connect(a.tcpPort, '127.0.0.1');
  const started = Date.now();
  await new Promise((resolve) => socket.once('close', resolve));
  t.ok(Date.now() - started >= 90, 'not before the time for a step');
});

test('admits only so many sockets that have not proved anything', async (t) => {
  const { start } = await cluster(t);
  const a = await start('a', { limits: { maxUnauthenticatedPerAddress: 3 } });
  const closed: number[] = [];
  const sockets = Array.from({ length: 5 }, (_, i) => {
    const socket = connect(a.tcpPort, '127.0.0.1');
    socket.on('close', () => closed.push(i));
    socket.on('error', () => {});
    return socket;
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  await until(() => closed.length === 2);
  t.equal(closed.length, 2);
});

test('bytes that break the protocol end that connection alone', async (t) => {
  const { start } = await cluster(t);
  const [a, b, c] = [await start('a'), await start('b'), await start('c')];
  const reasons: string[] = [];
  a.onNodeEvent((event) => {
    if (event.type === 'nodedown') reasons.push(`${event.node} ${event.reason}`);
  });
  await a.connect(b.name);
  await a.connect(c.name);
  // A message to a process of another node's: OTP refuses a link whose sender is a stranger.
  const stranger = c.processes.spawn(async (self) => void (await self.receive()));
  const target = a.processes.spawn(async (self) => void (await self.receive()));
  await until(() => b.isConnected(a.name));
  b.connections()[0]?.send({ type: 'link', from: stranger.pid, to: target.pid });
  await until(() => reasons.length === 1);
  t.strictSame(reasons, ['b@127.0.0.1 protocol_error']);
  t.strictSame(a.nodes(), [c.name]);
});

test('a silent peer is given up after the tick time, a ticking one is kept', async (t) => {
  const { start } = await cluster(t);
  const a = await start('a', { limits: { netTickTimeMs: 200 } });
  const ticking = await start('ticking', { limits: { netTickTimeMs: 200 } });
  const silent = await start('silent', { limits: { netTickTimeMs: 60_000 } });
  const reasons: string[] = [];
  a.onNodeEvent((event) => {
    if (event.type === 'nodedown') reasons.push(`${event.node} ${event.reason}`);
  });
  await a.connect(ticking.name);
  await a.connect(silent.name);
  await until(() => reasons.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 400));
  t.strictSame(reasons, ['silent@127.0.0.1 net_tick_timeout']);
  t.strictSame(a.nodes(), [ticking.name]);
});

test('a peer that does not read is cut off at the bound of the queue', async (t) => {
  const { start } = await cluster(t);
  const a = await start('a', { limits: { maxQueuedBytes: 4 * 1024 * 1024 } });
  const b = await start('b');
  await a.connect(b.name);
  const reasons: string[] = [];
  a.onNodeEvent((event) => {
    if (event.type === 'nodedown') reasons.push(event.reason);
  });
  const sender = a.processes.spawn(async (self) => {
    const payload = new Uint8Array(1024 * 1024);
    // Within one turn the socket takes nothing, so this is what a peer that never reads looks like.
    for (let i = 0; i < 4; i += 1) self.send({ name: 'x', node: b.name }, payload);
    await self.receive();
  });
  t.ok(sender);
  await until(() => reasons.length === 1);
  t.strictSame(reasons, ['send_queue_full']);
});

test('a sender that waits for room is not cut off', async (t) => {
  const { start } = await cluster(t);
  const a = await start('a', {
    limits: { highWaterMarkBytes: 256 * 1024, maxQueuedBytes: 2 * 1024 * 1024 },
  });
  const b = await start('b');
  await a.connect(b.name);
  const messages = collector(b, 'inbox');
  const payload = new Uint8Array(200 * 1024).fill(7);
  const sender = a.processes.spawn(async (self) => {
    for (let i = 0; i < 100; i += 1) {
      self.send({ name: 'inbox', node: b.name }, payload);
      await a.whenWritable(b.name);
    }
  });
  await sender.exited;
  await until(() => messages.length === 100);
  t.ok(messages.every((m) => m instanceof Uint8Array && m.length === payload.length));
  t.strictSame(a.nodes(), [b.name]);
});

test('a name that is taken is refused, and gives everything back', async (t) => {
  const { start, epmdPort } = await cluster(t);
  await start('a');
  await t.rejects(start('a'), { code: 'name_taken' });
  const names = await listNames({ host: '127.0.0.1', epmdPort, timeoutMs: 1000 });
  t.strictSame(
    names.map(({ name }) => name),
    ['a'],
  );
});

test('the port for peers is in the range given, and never one that is to be avoided', async (t) => {
  const { start } = await cluster(t);
  const first = await freePorts(3);
  const listenPorts = { min: first, max: first + 2 };
  const a = await start('a', { listenPorts, avoidPorts: [first] });
  const b = await start('b', { listenPorts, avoidPorts: [first] });
  t.strictSame([a.tcpPort, b.tcpPort], [first + 1, first + 2]);
  t.equal(await a.connect(b.name), true);
  await t.rejects(start('c', { listenPorts, avoidPorts: [first] }), { code: 'unreachable' });
});

test('the port mapper’s port is never taken for peers', async (t) => {
  const { start, epmdPort } = await cluster(t);
  const listenPorts = { min: epmdPort, max: epmdPort };
  await t.rejects(start('a', { listenPorts }), { message: `${epmdPort} are kept clear` });
});

const manyLoopbacks = process.platform === 'linux' ? false : 'one loopback address only';

test('with one port for all nodes there is no port mapper', { skip: manyLoopbacks }, async (t) => {
  const { start, epmdPort } = await cluster(t);
  const commonPort = await freePort();
  const at = (host: string) => ({ name: `x@${host}`, listenHost: host, commonPort });
  const [a, b] = [await start('', at('127.0.0.2')), await start('', at('127.0.0.3'))];
  t.strictSame([a.tcpPort, b.tcpPort], [commonPort, commonPort]);
  t.ok(a.creation >= 4);
  t.equal(await a.connect(b.name), true);
  t.strictSame(b.nodes(), [a.name]);
  await t.rejects(listNames({ host: '127.0.0.1', epmdPort, timeoutMs: 1000 }));
  await a.stop();
  const again = await start('', at('127.0.0.2'));
  t.not(again.creation, a.creation);
});

test('with distribution off there is no socket, and other nodes are unreachable', async (t) => {
  const node = await LocalNode.start();
  node.accept();
  t.equal(node.name, 'nonode@nohost');
  t.equal(node.tcpPort, 0);
  t.match(await node.dial('a@127.0.0.1'), {
    connected: false,
    error: { code: 'distribution_off' },
  });
  const messages = collector(node, 'inbox');
  node.processes.spawn((self) => {
    self.send(atom('inbox'), tuple(atom('hello'), 1));
    self.send({ name: 'inbox', node: 'a@127.0.0.1' }, 2);
  });
  await until(() => messages.length === 1);
  await node.stop();
});

test('rejects names that no node can have', async (t) => {
  for (const name of ['a', 'a@', '@h', 'a b@h', 'a@b@c']) {
    await t.rejects(LocalNode.start({ name, cookie: 'c' }), { code: 'unknown_node' });
  }
  await t.rejects(LocalNode.start({ name: 'a@127.0.0.1' }), { code: 'distribution_off' });
});

test('stop ends everything, also in the middle of an attempt, and may be called twice', async (t) => {
  const { start, epmdPort } = await cluster(t);
  const a = await start('a');
  const b = await start('b');
  const dialling = a.connect(b.name);
  const stops = [a.stop(), a.stop()];
  t.equal(await dialling, false);
  await Promise.all(stops);
  const names = await listNames({ host: '127.0.0.1', epmdPort, timeoutMs: 1000 }).catch(() => []);
  t.notOk(names.some(({ name }) => name === 'a'));
});

test('stop in each phase of a peer ends its sockets and resolves soon', async (t) => {
  const { start, epmdPort } = await cluster(t);
  await start('other'); // hosts the port mapper
  const silent = createServer().listen(0, '127.0.0.1');
  const accepted: Socket[] = [];
  silent.on('connection', (socket) => accepted.push(socket.on('error', () => {})));
  await once(silent, 'listening');
  const registration = await register({
    ...{ name: 'silent', tcpPort: (silent.address() as AddressInfo).port, nodeType: 'normal' },
    ...{ epmdPort, timeoutMs: 1000 },
  });
  const a = await start('a');
  const dialling = a.connect('silent@127.0.0.1');
  await until(() => accepted.length === 1);
  const self = { name: 'raw@127.0.0.1', cookie: 'oreo', flags: OFFERED_FLAGS, creation: 7 };
  const nameless = new RawPeer(await dialTo(a.tcpPort));
  const live = new RawPeer(await dialTo(a.tcpPort));
  await live.initiate(self, a.name);
  await until(() => a.isConnected(self.name));
  const challenger = new RawPeer(await dialTo(a.tcpPort));
  challenger.write(encodeSendName(self));
  t.equal(await challenger.readText(), 'salive');
  const sockets = [nameless, live, challenger];
  const started = performance.now();
  await a.stop();
  t.ok(performance.now() - started < 1500, 'none of them is waited for');
  t.equal(await dialling, false);
  await Promise.all(sockets.map((peer) => peer.closed()));
  t.strictSame(a.nodes('connected'), []);
  t.equal(await a.connect('other@127.0.0.1'), false);
  registration.close();
  for (const socket of accepted) socket.destroy();
  silent.close();
});

test('a value that is no term ends the process that sends it, not the connection', async (t) => {
  const { start } = await cluster(t);
  const [a, b] = [await start('a'), await start('b')];
  await a.connect(b.name);
  const messages = collector(b, 'inbox');
  const bad = a.processes.spawn((self) => {
    self.send({ name: 'inbox', node: b.name }, tuple(atom('new_atom'), Symbol('bad') as never));
  });
  await bad.exited;
  a.processes.spawn((self) => {
    self.send({ name: 'inbox', node: b.name }, tuple(atom('new_atom'), 1));
  });
  await until(() => messages.length === 1);
  t.equal(`${messages[0]}`, `${tuple(atom('new_atom'), 1)}`, 'the atom cache was not led astray');
  t.strictSame(a.nodes(), [b.name]);
});

test('a request that is no term fails at once, although its node is still being dialled', async (t) => {
  const { start } = await cluster(t);
  const [a, b] = [await start('a'), await start('b')];
  await startGenServer(
    b.processes,
    { handleCall: (request) => ({ reply: request }) },
    { name: 'echo' },
  );
  const client = new GenServerClient({ processes: a.processes });
  const echo = { name: 'echo', node: b.name };
  const calls = [client.call(echo, 1), client.call(echo, Number.NaN), client.call(echo, 2)];
  t.strictSame(a.nodes(), [], 'nothing is connected yet');
  await t.rejects(calls[1]!, { code: 'unencodable', message: /NaN/ });
  t.strictSame(a.nodes(), [], 'nor is it now');
  t.strictSame(await Promise.all([calls[0], calls[2]]), [1, 2]);
  client.stop();
});

const ipv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

test('nodes whose names hold an IPv6 address meet there', { skip: !ipv6 }, async (t) => {
  const { start, epmdPort } = await cluster(t);
  const [a, b] = [await start('', { name: 'a@::1' }), await start('', { name: 'b@::1' })];
  t.strictSame(await a.dial('b@::1'), { connected: true });
  t.strictSame(b.nodes(), ['a@::1']);
  const names = await listNames({ host: '::1', epmdPort, timeoutMs: 2000 });
  t.strictSame(names.map(({ name }) => name).sort(), ['a', 'b']);
});
