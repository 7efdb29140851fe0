import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'tap';
import {
  ANY_PORT,
  Listener,
  type ListenerOptions,
  type PortRange,
} from '../../../../lib/distribution/node/listener.ts';
import { freePorts } from '../../../support/free-ports.ts';
import { dialTo, RawPeer } from '../../../support/sockets.ts';
import { until } from '../../../support/until.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

async function listening(
  t: Teardown,
  options: Partial<ListenerOptions> = {},
): Promise<{ listener: Listener; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const listener = await Listener.listen({
    ...{ host: '127.0.0.1', tcpPorts: ANY_PORT, admit: () => true, onError: () => {} },
    onSocket: (socket) => {
      socket.on('error', () => {});
      sockets.push(socket);
    },
    ...options,
  });
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await listener.close();
  });
  return { listener, sockets };
}

const only = (tcpPort: number): PortRange => ({ min: tcpPort, max: tcpPort });

test('holds sockets until the node accepts, without reading from them', async (t) => {
  const { listener, sockets } = await listening(t);
  const early = await dialTo(listener.tcpPort);
  early.write('early');
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(sockets.length, 0);
  listener.accept();
  t.equal(sockets.length, 1);
  const [bytes] = await once(sockets[0]!.resume(), 'data');
  t.equal(String(bytes), 'early');
  const late = await dialTo(listener.tcpPort);
  await until(() => sockets.length === 2, { what: 'the later socket' });
  early.destroy();
  late.destroy();
});

test('closes sockets that are not admitted, and asks with their address', async (t) => {
  const asked: (string | undefined)[] = [];
  const { listener, sockets } = await listening(t, {
    admit(address) {
      asked.push(address);
      return false;
    },
  });
  listener.accept();
  const peer = new RawPeer(await dialTo(listener.tcpPort));
  await peer.closed();
  t.strictSame(asked, ['127.0.0.1']);
  t.equal(sockets.length, 0);
});

test('holds only so many sockets', async (t) => {
  const { listener, sockets } = await listening(t, { maxHeld: 2 });
  const peers: RawPeer[] = [];
  for (let i = 0; i < 5; i += 1) peers.push(new RawPeer(await dialTo(listener.tcpPort)));
  t.teardown(() => peers.forEach(({ socket }) => void socket.destroy()));
  await until(() => peers.filter((p) => p.isClosed).length === 3, {
    what: 'the surplus to be closed',
  });
  listener.accept();
  t.equal(sockets.length, 2);
});

test('a held socket whose peer resets it hurts nobody', async (t) => {
  const { listener, sockets } = await listening(t);
  const peer = await dialTo(listener.tcpPort);
  peer.write('x');
  peer.resetAndDestroy();
  await new Promise((resolve) => setTimeout(resolve, 20));
  listener.accept();
  for (const socket of sockets) socket.resume();
  await until(() => sockets.every(({ destroyed }) => destroyed), { what: 'the socket to close' });
});

test('closing ends what is held, frees the port, and may be repeated', async (t) => {
  const { listener } = await listening(t);
  const peer = new RawPeer(await dialTo(listener.tcpPort));
  await new Promise((resolve) => setTimeout(resolve, 10));
  const { tcpPort } = listener;
  await Promise.all([listener.close(), listener.close()]);
  await peer.closed();
  t.equal(listener.tcpPort, 0);
  const again = await listening(t, { tcpPorts: only(tcpPort) });
  t.equal(again.listener.tcpPort, tcpPort);
});

test('an address that cannot be bound is an error with its cause', async (t) => {
  const { listener } = await listening(t);
  await t.rejects(listening(t, { tcpPorts: only(listener.tcpPort) }), {
    code: 'unreachable',
    cause: { code: 'EADDRINUSE' },
  });
});

test('of a range the first port that is free is taken', async (t) => {
  const first = await freePorts(3);
  const tcpPorts = { min: first, max: first + 2 };
  const taken: number[] = [];
  for (let at = 0; at < 3; at++) taken.push((await listening(t, { tcpPorts })).listener.tcpPort);
  t.strictSame(taken, [first, first + 1, first + 2]);
  await t.rejects(listening(t, { tcpPorts }), {
    code: 'unreachable',
    message: `on no port from ${first} to ${first + 2}`,
    cause: { code: 'EADDRINUSE' },
  });
});

test('ports that are to be kept clear are left out, also when the system hands them out', async (t) => {
  const first = await freePorts(3);
  const tcpPorts = { min: first, max: first + 2 };
  const avoid = new Set([first, first + 2]);
  const { listener } = await listening(t, { tcpPorts, avoid });
  t.equal(listener.tcpPort, first + 1);
  await t.rejects(listening(t, { tcpPorts: only(first), avoid }), {
    message: `the ports ${first}, ${first + 2} are kept clear`,
  });
  const all = new Set(Array.from({ length: 65_535 }, (_, at) => at + 1));
  await t.rejects(listening(t, { avoid: all }), { code: 'unreachable' });
});

test('an address that this machine does not have is no reason to try every port', async (t) => {
  const tcpPorts = { min: 20_000, max: 60_000 };
  await t.rejects(listening(t, { host: '192.0.2.1', tcpPorts }), {
    cause: { code: 'EADDRNOTAVAIL' },
  });
});
