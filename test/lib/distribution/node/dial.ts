import type { Socket } from 'node:net';
import { test } from 'tap';
import { encodePort2Response } from '../../../../lib/distribution/epmd/messages.ts';
import { tcpDial } from '../../../../lib/distribution/node/dial.ts';
import { dialTo, serve, type TestServer } from '../../../support/sockets.ts';
import { until } from '../../../support/until.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

/** A port mapper that knows `node` at `tcpPort`; with `answer: false` it never answers. */
async function mapper(
  t: Teardown,
  {
    tcpPort = 0,
    known = true,
    answer = true,
  }: { tcpPort?: number; known?: boolean; answer?: boolean },
): Promise<{ server: TestServer; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = await serve((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      if (!answer) return;
      const entry = {
        ...{ name: 'node', tcpPort, nodeType: 'normal' as const },
        ...{ highestVersion: 6, lowestVersion: 5, extra: new Uint8Array(0) },
      };
      socket.end(encodePort2Response(known ? entry : undefined));
    });
    socket.resume();
  });
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await server.close();
  });
  return { server, sockets };
}

const never = new AbortController().signal;

test('asks the mapper of the host and opens a socket without Nagle’s delay', async (t) => {
  const accepted: Socket[] = [];
  const node = await serve((socket) => accepted.push(socket));
  const { server } = await mapper(t, { tcpPort: node.port });
  const socket = await tcpDial({ epmdPort: server.port })('node@127.0.0.1', 1000, never);
  await until(() => accepted.length === 1, { what: 'the socket to arrive' });
  t.equal(socket.remotePort, node.port);
  t.notOk(socket.destroyed);
  socket.destroy();
  accepted[0]?.destroy();
  await node.close();
});

test('a node that is not registered is unknown', async (t) => {
  const { server } = await mapper(t, { known: false });
  await t.rejects(tcpDial({ epmdPort: server.port })('node@127.0.0.1', 1000, never), {
    ...{ name: 'ConnectionError', code: 'unknown_node' },
    context: { node: 'node@127.0.0.1' },
  });
});

test('where all nodes have one port, no mapper is asked', async (t) => {
  const accepted: Socket[] = [];
  const node = await serve((socket) => accepted.push(socket));
  const socket = await tcpDial({ commonPort: node.port })('any@127.0.0.1', 1000, never);
  await until(() => accepted.length === 1, { what: 'the socket to arrive' });
  t.equal(socket.remotePort, node.port);
  socket.destroy();
  accepted[0]?.destroy();
  await node.close();
  await t.rejects(tcpDial({ commonPort: node.port })('any@127.0.0.1', 1000, never), {
    ...{ name: 'ConnectionError', code: 'unreachable', cause: { code: 'ECONNREFUSED' } },
  });
});

test('a node that is registered and does not listen is unreachable, with the cause', async (t) => {
  const gone = await serve(() => {});
  await gone.close();
  const { server } = await mapper(t, { tcpPort: gone.port });
  await t.rejects(tcpDial({ epmdPort: server.port })('node@127.0.0.1', 1000, never), {
    ...{ name: 'ConnectionError', code: 'unreachable', cause: { code: 'ECONNREFUSED' } },
  });
});

test('a mapper that does not answer, or is not there, is an error of the mapper', async (t) => {
  const { server, sockets } = await mapper(t, { answer: false });
  await t.rejects(tcpDial({ epmdPort: server.port })('node@127.0.0.1', 30, never), {
    ...{ name: 'EpmdError', code: 'timeout' },
  });
  await until(() => sockets.every(({ destroyed }) => destroyed), {
    what: 'the look-up to be closed',
  });
  const gone = await serve(() => {});
  await gone.close();
  await t.rejects(tcpDial({ epmdPort: gone.port })('node@127.0.0.1', 1000, never), {
    ...{ name: 'EpmdError', code: 'unreachable' },
  });
});

test('aborting leaves nothing open, in every phase', async (t) => {
  const before = new AbortController();
  before.abort();
  const { server, sockets } = await mapper(t, { answer: false });
  const dial = tcpDial({ epmdPort: server.port });
  await t.rejects(dial('node@127.0.0.1', 1000, before.signal));

  const during = new AbortController();
  const dialling = dial('node@127.0.0.1', 1000, during.signal);
  await until(() => sockets.length > 0, { what: 'the look-up' });
  during.abort();
  await t.rejects(dialling);
  await until(() => sockets.every(({ destroyed }) => destroyed), {
    what: 'the look-up to be closed',
  });

  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
  t.ok(timers.length <= 2, 'no timers of the attempts');
});

test('an error after the socket was opened and before anybody listens ends nothing else', async (t) => {
  const node = await serve((socket) => socket.destroy());
  const { server } = await mapper(t, { tcpPort: node.port });
  const socket = await tcpDial({ epmdPort: server.port })('node@127.0.0.1', 1000, never);
  socket.destroy(new Error('late'));
  await until(() => socket.closed, { what: 'the socket to close' });
  await node.close();
  const probe = await dialTo(server.port);
  probe.destroy();
});
