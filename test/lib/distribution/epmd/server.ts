import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { listNames, lookUp, register } from '../../../../lib/distribution/epmd/client.ts';
import { encodeRequest } from '../../../../lib/distribution/epmd/messages.ts';
import {
  type EpmdServerOptions,
  MAX_REQUEST_BYTES,
  REQUEST_DEADLINE_MS,
  startEpmdServer,
} from '../../../../lib/distribution/epmd/server.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { until } from '../../../support/peers.ts';

const host = '127.0.0.1';
const timeoutMs = 5_000;
const alpha = { name: 'alpha', tcpPort: 4711, nodeType: 'normal', timeoutMs } as const;

async function start(t: Test, options: Partial<EpmdServerOptions> = {}) {
  const server = await startEpmdServer({ host, epmdPort: 0, ...options });
  t.teardown(() => server.close());
  return server;
}

/** Opens a connection, writes, and gathers what comes back. */
function open(t: Test, epmdPort: number, bytes: Uint8Array | string) {
  const socket = connect(epmdPort, host);
  t.teardown(() => socket.destroy());
  const answer = { socket, text: '', chunks: 0, closed: closing(socket) };
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    answer.text += chunk.toString('latin1');
    answer.chunks += 1;
  });
  socket.write(bytes);
  return answer;
}

async function closing(socket: Socket): Promise<void> {
  await once(socket, 'close');
}

const alive2 = (highestVersion = 6, name = 'alpha') =>
  encodeRequest({
    type: 'alive2',
    entry: {
      ...{ name, tcpPort: 4711, nodeType: 'normal', lowestVersion: 5, highestVersion },
      extra: Uint8Array.of(9),
    },
  });

t.test('registers, finds and lists; the name is free when the connection ends', async (t) => {
  const server = await start(t);
  const { epmdPort } = server;
  const call = { host, epmdPort, timeoutMs };
  t.equal(await lookUp({ ...call, name: 'alpha' }), undefined);
  t.same(await listNames(call), []);
  const kept = await register({ epmdPort, ...alpha });
  t.ok(kept.creation >= 4);
  t.match(await lookUp({ ...call, name: 'alpha' }), { tcpPort: 4711, nodeType: 'normal' });
  t.same(await listNames(call), [{ name: 'alpha', tcpPort: 4711 }]);
  kept.close();
  await until(() => server.names().length === 0);
  t.equal(await lookUp({ ...call, name: 'alpha' }), undefined);
  const again = await register({ epmdPort, ...alpha });
  t.equal(again.creation, kept.creation + 1);
  again.close();
});

t.test('one that has just begun says who is there when all have registered', async (t) => {
  const clock = new FakeClock();
  const { epmdPort } = await start(t, { settlingMs: 300, clock });
  const call = { host, epmdPort, timeoutMs };
  const listed = listNames(call);
  t.equal(await lookUp({ ...call, name: 'alpha' }), undefined, 'of one it says what it knows');
  const kept = await register({ epmdPort, ...alpha });
  await clock.advance(300);
  t.same(await listed, [{ name: 'alpha', tcpPort: 4711 }]);
  t.same(await listNames(call), [{ name: 'alpha', tcpPort: 4711 }]);
  kept.close();
});

t.test('who asks before it is settled, and has nothing more to say, gets his answer', async (t) => {
  const clock = new FakeClock();
  const { epmdPort } = await start(t, { settlingMs: 300, clock });
  const kept = await register({ epmdPort, ...alpha });
  const asking = open(t, epmdPort, encodeRequest({ type: 'names' }));
  asking.socket.end();
  await until(() => clock.pending === 2);
  t.ok(await lookUp({ host, epmdPort, timeoutMs, name: 'alpha' }), 'by now it has said so');
  await clock.advance(300);
  await asking.closed;
  t.match(asking.text, /name alpha at port 4711/);
  t.equal(clock.pending, 0);
  kept.close();
});

t.test('one that ends before it is settled tells nobody anything', async (t) => {
  const clock = new FakeClock();
  const server = await start(t, { settlingMs: 300, clock });
  const listed = listNames({ host, epmdPort: server.epmdPort, timeoutMs });
  const rejected = t.rejects(listed, { code: 'truncated' });
  await until(() => clock.pending === 2);
  // What came before this has been read when it is answered; a request that is left unread is a reset.
  await lookUp({ host, epmdPort: server.epmdPort, timeoutMs, name: 'alpha' });
  await server.close();
  await rejected;
  await until(() => clock.pending === 0);
});

t.test('the answer to ALIVE2 is one write in the form of the version', async (t) => {
  const { epmdPort } = await start(t, { random: () => 0 });
  const wide = open(t, epmdPort, alive2());
  await until(() => wide.text !== '');
  t.same([wide.text, wide.chunks], ['v\0\0\0\0\x04', 1]);
  const narrow = open(t, epmdPort, alive2(5, 'beta'));
  await until(() => narrow.text !== '');
  t.same([narrow.text, narrow.chunks], ['y\0\0\x02', 1]);
});

t.test('a duplicate is refused as by OTP, its connection stays until the deadline', async (t) => {
  const clock = new FakeClock();
  const server = await start(t, { clock });
  await register({ epmdPort: server.epmdPort, ...alpha });
  const duplicate = open(t, server.epmdPort, alive2());
  await until(() => duplicate.text !== '');
  t.equal(duplicate.text, 'v\x01\0\0\0c');
  t.equal(duplicate.socket.destroyed, false);
  await clock.advance(REQUEST_DEADLINE_MS);
  await duplicate.closed;
  t.equal(server.names().length, 1, 'the holder has no deadline');
});

t.test('one byte more and the name is free', async (t) => {
  const server = await start(t);
  const node = open(t, server.epmdPort, alive2());
  await until(() => server.names().length === 1);
  node.socket.write('x');
  await node.closed;
  t.same(server.names(), []);
});

t.test('a request may come byte by byte', async (t) => {
  const server = await start(t);
  const [first, ...rest] = alive2();
  const node = open(t, server.epmdPort, Uint8Array.of(first!));
  for (const byte of rest) {
    await new Promise(setImmediate);
    node.socket.write(Uint8Array.of(byte));
  }
  await until(() => server.names().length === 1);
});

t.test('a request that is cut at any length is awaited, and dropped at the deadline', async (t) => {
  const clock = new FakeClock();
  const server = await start(t, { clock });
  const request = alive2();
  const nodes = Array.from(request, (_, length) =>
    open(t, server.epmdPort, request.subarray(0, length)),
  );
  await until(() => clock.pending === nodes.length);
  await clock.advance(REQUEST_DEADLINE_MS - 1);
  t.ok(nodes.every(({ socket }) => !socket.destroyed));
  await clock.advance(1);
  await Promise.all(nodes.map(({ closed }) => closed));
  t.ok(nodes.every(({ text }) => text === ''));
  t.equal(clock.pending, 0);
});

t.test('anything else is closed without an answer', async (t) => {
  const server = await start(t);
  const requests = [
    '\0\x01d',
    '\0\x01k',
    '\0\x06salpha',
    '\0\0',
    '\0\x02n\0',
    'GET / HTTP/1.1\r\n',
  ];
  for (const request of requests) {
    const asked = open(t, server.epmdPort, Buffer.from(request, 'latin1'));
    await asked.closed;
    t.equal(asked.text, '', JSON.stringify(request));
  }
  const tooLong = MAX_REQUEST_BYTES + 1;
  await open(t, server.epmdPort, Uint8Array.of(tooLong >> 8, tooLong & 0xff)).closed;
  await open(t, server.epmdPort, Buffer.concat([alive2(), Buffer.from('x')])).closed;
  t.same(server.names(), []);
});

t.test('close ends every connection and frees the port', async (t) => {
  const server = await start(t);
  const { epmdPort } = server;
  const idle = open(t, epmdPort, '\0');
  const kept = await register({ epmdPort, ...alpha });
  const lost = new Promise((resolve) => kept.onLost(resolve));
  await Promise.all([server.close(), server.close()]);
  await idle.closed;
  t.match(await lost, { code: 'closed' });
  const next = await startEpmdServer({ host, epmdPort });
  await next.close();
});

t.test('a port in use rejects', async (t) => {
  const { epmdPort } = await start(t);
  await t.rejects(startEpmdServer({ host, epmdPort }), { code: 'EADDRINUSE' });
});
