import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'tap';
import {
  decodeStatus,
  encodeSendName,
  encodeStatus,
} from '../../../../../lib/distribution/wire/handshake/messages.ts';
import {
  message,
  monitorOf,
  rawSelf,
  startConnections,
} from '../../../../support/node-connections.ts';
import { dialTo, RawPeer, serve } from '../../../../support/sockets.ts';
import { until } from '../../../../support/until.ts';

const M = 'm@h';
/** A name less than ours, one greater. */
const A = 'a@h';
const Z = 'z@h';

test('of crossing dials the one of the greater name survives, whoever comes first', async (t) => {
  for (const slow of [A, Z]) {
    const ports = new Map<string, number>();
    const delayed: (() => void)[] = [];
    const dialFrom = (name: string) => async (node: string) => {
      const socket = await dialTo(ports.get(node)!);
      if (name === slow) await new Promise<void>((resolve) => delayed.push(resolve));
      return socket;
    };
    const a = await startConnections(t, A, { ports, dial: dialFrom(A) });
    const z = await startConnections(t, Z, { ports, dial: dialFrom(Z) });
    const dials = [a.connections.connect(Z), z.connections.connect(A)];
    await pause(30);
    for (const go of delayed) go();
    t.strictSame(await Promise.all(dials), [{ connected: true }, { connected: true }]);
    await pause(30);
    t.strictSame(
      a.log.filter((entry) => !entry.startsWith('refused')),
      ['nodeup z@h'],
      `${slow} is slow`,
    );
    t.strictSame(
      z.log.filter((entry) => !entry.startsWith('refused')),
      ['nodeup a@h'],
    );
    t.equal(a.connections.unauthenticated + z.connections.unauthenticated, 0);
    t.equal((await a.openSockets()) + (await z.openSockets()), 1, 'one socket is left');
    z.connections.deliver(A, message(Z, A, 1));
    await until(() => a.signals.length === 1, { what: 'the signal' });
  }
});

test('an attempt that is told nok waits for the peer’s own, and gives up in time', async (t) => {
  const sockets: RawPeer[] = [];
  const server = await serve((socket) => sockets.push(new RawPeer(socket)));
  t.teardown(() => server.close());
  const node = await startConnections(t, M, {
    ports: new Map([[Z, server.port]]),
    limits: { setupTimeMs: 400 },
  });
  for (const arrives of [true, false]) {
    sockets.length = 0;
    const dialling = node.connections.connect(Z);
    node.connections.deliver(Z, message(M, Z, 1));
    await until(() => sockets.length > 0, { what: 'the dial' });
    await sockets[0]!.read();
    sockets[0]!.write(encodeStatus('nok'));
    await sockets[0]!.closed();
    if (!arrives) break;
    const own = await node.raw();
    await own.initiate(rawSelf(Z), M);
    t.strictSame(await dialling, { connected: true });
    t.ok((await own.read()).length > 0, 'the signal that waited');
    await pause(450);
    t.ok(node.connections.get(Z), 'the deadline of the parked attempt is gone');
    node.connections.disconnect(Z, 'disconnect');
    node.log.length = 0;
  }
  await until(() => node.log.length === 2, { what: 'the parked attempt to give up' });
  t.strictSame(node.log, ['refused out z@h nok', 'unreachable z@h']);
  t.equal(node.connections.connect(Z) instanceof Promise, true, 'the slot is free again');
});

test('an inbound attempt that fails leaves those who wait to a dial of our own', async (t) => {
  const ports = new Map<string, number>();
  const z = await startConnections(t, Z, { ports });
  const held: (() => void)[] = [];
  const node = await startConnections(t, M, {
    dial: async () => {
      await new Promise<void>((resolve) => held.push(resolve));
      return dialTo(ports.get(Z)!);
    },
  });
  const dialling = node.connections.connect(Z);
  node.connections.deliver(Z, message(M, Z, 1));
  const impostor = await node.raw();
  impostor.write(encodeSendName(rawSelf(Z)));
  t.equal(await impostor.readText(), 'sok_simultaneous');
  impostor.socket.destroy();
  await until(() => held.length === 2, { what: 'the second dial' });
  for (const go of held) go();
  t.strictSame(await dialling, { connected: true });
  await until(() => z.signals.length === 1, { what: 'the signal' });
  t.strictSame(node.log, ['refused in z@h closed', 'nodeup z@h']);
});

test('an inbound attempt that fails brings about no dial that nobody asked for', async (t) => {
  const node = await startConnections(t, M, { dial: () => Promise.reject(new Error('dialled')) });
  const peer = await node.raw();
  peer.write(encodeSendName(rawSelf(A)));
  t.equal(await peer.readText(), 'sok');
  node.connections.deliver(A, monitorOf(M, A), { connect: false });
  peer.socket.destroy();
  await until(() => node.log.length === 2, { what: 'the end' });
  t.strictSame(node.log, ['refused in a@h closed', 'unreachable a@h']);
});

test('attempts that are replaced count no more among the unauthenticated', async (t) => {
  const node = await startConnections(t, M);
  const peers: RawPeer[] = [];
  for (let i = 0; i < 10; i += 1) {
    const peer = await node.raw();
    peer.write(encodeSendName(rawSelf(Z)));
    const status = decodeStatus(await peer.read());
    t.equal(status, i === 0 ? 'ok' : 'ok_simultaneous');
    peers.push(peer);
  }
  await Promise.all(peers.slice(0, -1).map((peer) => peer.closed()));
  t.equal(node.connections.unauthenticated, 1);
  t.equal(node.connections.unauthenticatedFrom('127.0.0.1'), 1);
  peers.at(-1)!.socket.destroy();
  await until(() => node.connections.unauthenticated === 0, { what: 'the last to end' });
});

test('a peer that bears our name is told nok', async (t) => {
  const node = await startConnections(t, M);
  const peer = await node.raw();
  peer.write(encodeSendName(rawSelf(M)));
  t.equal(await peer.readText(), 'snok');
  await peer.closed();
  t.strictSame(node.log, ['refused in m@h nok']);
});
