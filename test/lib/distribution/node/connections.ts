import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'tap';
import type { Signal } from '../../../../lib/distribution/process/signals.ts';
import type { Term } from '../../../../lib/distribution/terms/term.ts';
import { PASS_THROUGH_FLAGS } from '../../../../lib/distribution/wire/flags.ts';
import {
  encodeSendName,
  encodeStatus,
} from '../../../../lib/distribution/wire/handshake/messages.ts';
import {
  framesOf,
  message,
  monitorOf,
  rawSelf,
  startConnections,
} from '../../../support/node-connections.ts';
import { seededRandom } from '../../../support/seeded-random.ts';
import { dialTo, RawPeer, serve } from '../../../support/sockets.ts';
import { until } from '../../../support/until.ts';

const M = 'm@h';
/** A name less than ours, one greater. */
const A = 'a@h';
const Z = 'z@h';

const payloads = (signals: readonly Signal[]): Term[] =>
  signals.flatMap((signal) => (signal.type === 'send' ? [signal.message] : []));

// --- coming up --------------------------------------------------------------------------------

test('frames in the segment of the ack come after nodeup, and are not lost', async (t) => {
  const node = await startConnections(t, A);
  const raws: RawPeer[] = [];
  const server = await serve((socket) => raws.push(new RawPeer(socket)));
  t.teardown(() => [raws[0]?.socket.destroy(), server.close()]);
  const ports = new Map([[Z, server.port]]);
  const dialler = await startConnections(t, M, { ports });
  const dialling = dialler.connections.connect(Z);
  await until(() => raws.length > 0, { what: 'the socket' });
  await raws[0]!.accept(rawSelf(Z), {
    glued: framesOf(PASS_THROUGH_FLAGS, message(Z, M, 1), message(Z, M, 2)),
  });
  t.strictSame(await dialling, { connected: true });
  await until(() => dialler.signals.length === 2, { what: 'the signals' });
  t.strictSame(dialler.log, ['nodeup z@h', 'signal z@h send', 'signal z@h send']);
  t.strictSame(payloads(dialler.signals), [1, 2]);
  t.strictSame(node.log, []);
});

test('frames in the segment of the challenge reply come after nodeup, and are not lost', async (t) => {
  const node = await startConnections(t, M);
  const peer = await node.raw();
  await peer.initiate(rawSelf(A), M, {
    glued: framesOf(PASS_THROUGH_FLAGS, message(A, M, 1), message(A, M, 2)),
  });
  await until(() => node.signals.length === 2, { what: 'the signals' });
  t.strictSame(node.log, ['nodeup a@h', 'signal a@h send', 'signal a@h send']);
});

test('a garbled frame in the segment of the challenge reply is a nodeup and a nodedown', async (t) => {
  const node = await startConnections(t, M);
  const peer = await node.raw();
  await peer.initiate(rawSelf(A), M, { glued: Buffer.from('000000017f', 'hex') });
  await peer.closed();
  t.strictSame(node.log, ['nodeup a@h', 'unreachable a@h', 'nodedown a@h protocol_error']);
});

test('a handshake that comes a byte at a time succeeds', async (t) => {
  const node = await startConnections(t, M);
  const peer = await node.raw();
  const { write } = peer.socket;
  peer.socket.write = ((bytes: Uint8Array) => {
    for (let i = 0; i < bytes.length; i += 1) write.call(peer.socket, bytes.subarray(i, i + 1));
    return true;
  }) as Socket['write'];
  await peer.initiate(rawSelf(A), M, { glued: framesOf(PASS_THROUGH_FLAGS, message(A, M, 1)) });
  await until(() => node.signals.length === 1, { what: 'the signal' });
  t.equal(node.connections.unauthenticated, 0);
});

test('a peer that closes after each number of bytes of the handshake leaves nothing behind', async (t) => {
  const node = await startConnections(t, M);
  // What an initiator sends first; its challenge reply depends on our challenge.
  const name = encodeSendName(rawSelf(A));
  const stream = Buffer.concat([Buffer.from([0, name.length]), name]);
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const peer = await node.raw();
    peer.socket.end(stream.subarray(0, cut));
    await peer.closed();
  }
  for (let cut = 0; cut < 23; cut += 1) {
    const peer = await node.raw();
    peer.write(name);
    t.equal(await peer.readText(), 'sok');
    await peer.read();
    const reply = Buffer.alloc(23, 1);
    reply.set([0, 21, 'r'.charCodeAt(0)]);
    peer.socket.end(reply.subarray(0, cut));
    await peer.closed();
    await until(() => node.connections.unauthenticated === 0, { what: 'the attempt to end' });
  }
  await until(() => node.connections.unauthenticated === 0, { what: 'all to end' });
  t.ok(
    node.log.every((entry) => entry.endsWith(' closed')),
    'each of them for that reason',
  );
  t.equal(await node.openSockets(), 0);
  const good = await node.raw();
  await good.initiate(rawSelf(A), M);
  await until(() => node.log.at(-1) === 'nodeup a@h', { what: 'nodeup' });
});

test('a peer that we dialled and that closes at each step is a failed dial', async (t) => {
  const statuses = [[], ['ok'], ['ok_simultaneous'], ['alive'], ['not_allowed'], ['nonsense']];
  for (const sent of statuses) {
    const sockets: RawPeer[] = [];
    const server = await serve((socket) => sockets.push(new RawPeer(socket)));
    const node = await startConnections(t, M, { ports: new Map([[A, server.port]]) });
    const dialling = node.connections.connect(A);
    await until(() => sockets.length > 0, { what: 'the socket' });
    const [peer] = sockets;
    await peer!.read();
    for (const status of sent) peer!.write(Buffer.from(`s${status}`));
    peer!.socket.end();
    const result = await dialling;
    t.match(result, { connected: false, error: { name: 'HandshakeError' } }, `${sent}`);
    await peer!.closed();
    t.equal(node.refusals.length, 1);
    await server.close();
  }
});

// --- deliver ----------------------------------------------------------------------------------

test('signals to a node that is being dialled follow in order, those of listeners first', async (t) => {
  const ports = new Map<string, number>();
  const z = await startConnections(t, Z, { ports });
  const m = await startConnections(t, M, { ports });
  m.connections.onNodeEvent(({ type }) => {
    if (type === 'nodeup') m.connections.deliver(Z, message(M, Z, -1, 99));
  });
  for (let i = 0; i < 50; i += 1) m.connections.deliver(Z, message(M, Z, i));
  m.connections.deliver(Z, message(M, Z, 50), { connect: false });
  await until(() => z.signals.length === 52, { what: 'all to arrive' });
  t.equal(`${payloads(z.signals)}`, `-1,${[...Array(51).keys()]}`);
  t.equal(m.log[0], 'nodeup z@h');
});

test('what a process sends on nodeup does not overtake what it sent before', async (t) => {
  const ports = new Map<string, number>();
  const z = await startConnections(t, Z, { ports });
  const m = await startConnections(t, M, { ports });
  m.connections.onNodeEvent(({ type }) => {
    if (type !== 'nodeup') return;
    m.connections.deliver(Z, message(M, Z, 3, 1));
    m.connections.deliver(Z, message(M, Z, 0, 2));
    m.connections.deliver(Z, message(M, Z, 4, 1));
  });
  m.connections.deliver(Z, message(M, Z, 1, 1));
  m.connections.deliver(Z, message(M, Z, 2, 1));
  await until(() => z.signals.length === 5, { what: 'all to arrive' });
  t.strictSame(payloads(z.signals), [0, 1, 2, 3, 4]);
});

test('a dial that fails is one report, whatever waited', async (t) => {
  const node = await startConnections(t, M);
  for (let i = 0; i < 10; i += 1) node.connections.deliver(Z, message(M, Z, i));
  const results = await Promise.all([node.connections.connect(Z), node.connections.connect(Z)]);
  t.match(results, [{ connected: false }, { connected: false }]);
  t.strictSame(node.log, ['refused out z@h unreachable', 'unreachable z@h']);
  await node.connections.connect(Z);
  t.equal(node.log.length, 3, 'a later dial is a new one, and nothing waited for it');
});

test('more signals than may wait give the attempt up, so that none is lost in the middle', async (t) => {
  const ports = new Map<string, number>();
  const z = await startConnections(t, Z, { ports });
  const m = await startConnections(t, M, { ports, limits: { maxWaitingSignals: 3 } });
  for (let i = 0; i < 10; i += 1) m.connections.deliver(Z, message(M, Z, i));
  t.strictSame(m.log, [], 'not from within deliver');
  await Promise.resolve();
  t.strictSame(m.log, ['refused out z@h send_queue_full', 'unreachable z@h']);
  m.connections.deliver(Z, message(M, Z, 99));
  await until(() => z.signals.length > 0, { what: 'what came later' });
  t.strictSame(payloads(z.signals), [99]);
});

test('connect: false dials nobody; what waits for an answer is told, and not at once', async (t) => {
  const node = await startConnections(t, M, { dial: () => Promise.reject(new Error('dialled')) });
  node.connections.deliver(Z, message(M, Z, 1), { connect: false });
  node.connections.deliver(Z, monitorOf(M, Z), { connect: false });
  t.strictSame(node.log, []);
  await pause(10);
  t.strictSame(node.log, ['unreachable z@h']);
});

test('more bytes than may wait give the attempt up, and nothing gets there out of its order', async (t) => {
  const ports = new Map<string, number>();
  const z = await startConnections(t, Z, { ports });
  const m = await startConnections(t, M, { ports, limits: { maxQueuedBytes: 200_000 } });
  const large = new Uint8Array(90_000);
  for (const payload of [large, large, large, 4]) m.connections.deliver(Z, message(M, Z, payload));
  await Promise.resolve();
  t.strictSame(m.log, ['refused out z@h send_queue_full', 'unreachable z@h']);
  m.connections.deliver(Z, message(M, Z, 99));
  await until(() => z.signals.length > 0, { what: 'what came later' });
  t.strictSame(payloads(z.signals), [99]);
});

test('a value that is no term throws to the sender, on a connection and before there is one', async (t) => {
  const ports = new Map<string, number>();
  const z = await startConnections(t, Z, { ports });
  const m = await startConnections(t, M, { ports });
  const bad = Symbol('bad') as unknown as Term;
  m.connections.deliver(Z, message(M, Z, 1));
  t.throws(() => m.connections.deliver(Z, message(M, Z, bad)), { code: 'unencodable' });
  m.connections.deliver(Z, message(M, Z, 2));
  await until(() => z.signals.length === 2, { what: 'the others' });
  t.strictSame(m.faults, []);
  t.throws(() => m.connections.deliver(Z, message(M, Z, bad)), { code: 'unencodable' });
  m.connections.deliver(Z, message(M, Z, 3));
  await until(() => z.signals.length === 3, { what: 'the next' });
  t.strictSame(payloads(z.signals), [1, 2, 3]);
});

// --- hostile peers ----------------------------------------------------------------------------

test('garbage after the handshake ends its connection alone, a hundred times', async (t) => {
  const node = await startConnections(t, M, { limits: { maxFrameBytes: 100_000 } });
  const good = await node.raw();
  await good.initiate(rawSelf(Z), M);
  const random = seededRandom(7);
  for (let round = 0; round < 100; round += 1) {
    const peer = await node.raw();
    await peer.initiate(rawSelf(A), M);
    const body = random.bytes(random.below(300));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(random.below(4) === 0 ? random.below(2 ** 32) : body.length);
    peer.socket.end(Buffer.concat([length, body]));
    await peer.closed();
    await until(() => node.connections.get(A) === undefined, { what: 'nodedown' });
  }
  good.socket.write(framesOf(PASS_THROUGH_FLAGS, message(Z, M, 88)));
  await until(() => payloads(node.signals).includes(88), { what: 'the good one' });
  t.strictSame(node.faults, []);
  t.ok(node.connections.get(Z));
  t.equal(await node.openSockets(), 1);
});

test('garbage in place of a handshake is refused, a hundred times', async (t) => {
  const node = await startConnections(t, M, { limits: { setupTimeMs: 200 } });
  const random = seededRandom(8);
  for (let round = 0; round < 100; round += 1) {
    const peer = await node.raw();
    peer.socket.end(random.bytes(1 + random.below(100)));
    await peer.closed();
  }
  await until(() => node.connections.unauthenticated === 0, { what: 'all to end' });
  t.equal(node.refusals.length, 100);
  t.equal(await node.openSockets(), 0);
});

// --- the end ----------------------------------------------------------------------------------

test('close ends every phase: dialling, handshake, parked, challenger, up; and then accepts nobody', async (t) => {
  const sockets: RawPeer[] = [];
  const server = await serve((socket) => sockets.push(new RawPeer(socket)));
  t.teardown(() => server.close());
  let aborted = false;
  const node = await startConnections(t, M, {
    dial: (name, _timeoutMs, signal) =>
      name === 'x@h'
        ? new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              aborted = true;
              reject(new Error('aborted'));
            });
          })
        : dialTo(server.port),
  });
  const results = [
    node.connections.connect('x@h'),
    node.connections.connect('y@h'),
    node.connections.connect(Z),
  ];
  await until(() => sockets.length === 2, { what: 'both dials' });
  for (const socket of sockets) await socket.read();
  sockets[1]!.write(encodeStatus('nok'));
  await sockets[1]!.closed();
  const nameless = await node.raw();
  const pending = await node.raw();
  pending.write(encodeSendName(rawSelf('b@h')));
  await pending.read();
  const live = await node.raw();
  await live.initiate(rawSelf(A), M);
  const challenger = await node.raw();
  challenger.write(encodeSendName(rawSelf(A)));
  t.equal(await challenger.readText(), 'salive');
  node.connections.close();
  t.ok(aborted);
  t.strictSame([...node.connections.all()], []);
  t.equal(node.connections.unauthenticated, 0);
  t.ok((await Promise.all(results)).every(({ connected }) => !connected));
  for (const peer of [nameless, pending, live, challenger, ...sockets]) await peer.closed();
  const late = await node.raw();
  await late.closed();
  t.match(await node.connections.connect(A), { connected: false, error: { code: 'closed' } });
  node.connections.deliver(A, monitorOf(M, A));
  await Promise.resolve();
  t.equal(node.log.at(-1), 'unreachable a@h');
  t.equal(await node.openSockets(), 0);
  node.connections.close();
});

test('a dial whose socket opens after the attempt was aborted closes it again', async (t) => {
  const sockets: RawPeer[] = [];
  const server = await serve((socket) => sockets.push(new RawPeer(socket)));
  t.teardown(() => server.close());
  let open = (): void => {};
  const node = await startConnections(t, M, {
    dial: async () => {
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      return dialTo(server.port);
    },
  });
  const dialling = node.connections.connect(Z);
  t.notOk(node.connections.disconnect(Z, 'disconnect'));
  t.match(await dialling, { connected: false, error: { code: 'disconnect' } });
  open();
  await until(() => sockets.length > 0, { what: 'the socket' });
  await sockets[0]!.closed();
  t.strictSame(node.log, [], 'what we gave up ourselves is not reported as a refusal');
});

test('attempts leave no timer behind', async (t) => {
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const ports = new Map<string, number>();
  const m = await startConnections(t, M, { ports });
  await startConnections(t, Z, { ports, cookie: 'other' });
  const good = await startConnections(t, A, { ports });
  const before = timers();
  for (let i = 0; i < 20; i += 1) {
    await m.connections.connect(Z);
    await m.connections.connect('nobody@h');
    await m.connections.connect(A);
    m.connections.disconnect(A, 'disconnect');
    await until(() => good.connections.get(M) === undefined, { what: 'the end' });
  }
  await until(() => timers() <= before + 1, { what: 'the sockets to close' });
  t.ok(timers() <= before + 1, 'the one that polls may be there');
});
