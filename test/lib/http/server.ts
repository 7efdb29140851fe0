import { connect, createServer } from 'node:net';
import t from 'tap';
import { errorResponses } from '../../../handlers/responses.ts';
import { HttpServer } from '../../../lib/http/server.ts';
import type { Child } from '../../../lib/supervisor/child.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { RawClient, startServer, statuses } from '../../support/http-client.ts';

const hello = () => ({ status: 200, headers: {}, body: 'hello' });
const GET = ['GET / HTTP/1.1', 'Host: x', '', ''];

/** A handler that answers when told. */
function held() {
  const releases: (() => void)[] = [];
  const handle = () =>
    new Promise<ReturnType<typeof hello>>((resolve) => releases.push(() => resolve(hello())));
  return { handle, release: () => releases.shift()?.(), releases };
}

t.test('is a child for a supervisor', async (t) => {
  const { server } = await startServer(t, hello);
  const child: Child = server;
  child.shutdown();
  t.strictSame(await child.exited, { type: 'shutdown' });
});

t.test('listens on the port it found, and answers', async (t) => {
  const { server } = await startServer(t, hello);
  t.equal(server.address.host, '127.0.0.1');
  t.ok(server.address.tcpPort > 0);
  t.equal(server.url, `http://127.0.0.1:${server.address.tcpPort}`);
  t.equal(await (await fetch(server.url)).text(), 'hello');
});

t.test('writes an IPv6 address with brackets', async (t) => {
  const { server } = await startServer(t, hello, { host: '::1' });
  t.equal(server.url, `http://[::1]:${server.address.tcpPort}`);
});

t.test('says which address is in use', async (t) => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => blocker.once('listening', resolve));
  t.teardown(() => blocker.close());
  const address = blocker.address();
  const tcpPort = typeof address === 'object' && address ? address.port : 0;
  const options = { handle: hello, errors: errorResponses, telemetry: new Telemetry() };
  await t.rejects(HttpServer.start({ ...options, host: '127.0.0.1', tcpPort }), {
    name: 'ListenError',
    code: 'address_in_use',
    message: `cannot listen for HTTP on 127.0.0.1:${tcpPort}: another program listens there`,
  });
  await t.rejects(HttpServer.start({ ...options, host: '192.0.2.1', tcpPort: 0 }), {
    code: 'address_not_available',
  });
});

t.test(
  'shutdown finishes the running request, announces the end, and accepts nothing new',
  async (t) => {
    const { handle, release } = held();
    const { server, told } = await startServer(t, handle);
    const client = (await RawClient.connect(t, server)).send(...GET);
    await told('http.request.start');
    server.shutdown();
    server.shutdown();
    for (let turn = 0; turn < 4; turn += 1) await new Promise(setImmediate);
    await t.rejects(fetch(server.url));
    release();
    const text = await client.all();
    t.match(text, /^HTTP\/1\.1 200 .*connection: close.*hello$/is);
    t.strictSame(await server.exited, { type: 'shutdown' });
  },
);

t.test('shutdown closes idle connections at once, and silent ones soon', async (t) => {
  const { server } = await startServer(t, hello, { graceMs: 60_000, silentGraceMs: 20 });
  const silent = await RawClient.connect(t, server);
  const idle = (await RawClient.connect(t, server)).send(...GET);
  await idle.until(/hello/);
  server.shutdown();
  await Promise.all([silent.closed, idle.closed, server.exited]);
});

t.test('shutdown answers a request that has arrived and was not read yet', async (t) => {
  const { server } = await startServer(t, hello, { graceMs: 60_000 });
  const client = await RawClient.connect(t, server);
  // Accepted by then; the request comes in the turn of the shutdown.
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
  client.send(...GET);
  server.shutdown();
  t.match(await client.all(), /hello$/);
  await server.exited;
});

t.test('shutdown answers a client whose connection was not accepted yet', async (t) => {
  const { server } = await startServer(t, hello, { graceMs: 60_000 });
  // The kernel completes the connection; nobody gets a turn to accept it before the shutdown.
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write(GET.join('\r\n'));
  server.shutdown();
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  t.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 200 .*connection: close.*hello$/is);
  await server.exited;
});

t.test('shutdown waits for the request of a client that has just connected', async (t) => {
  const { server } = await startServer(t, hello, { graceMs: 60_000, silentGraceMs: 30_000 });
  const client = await RawClient.connect(t, server);
  server.shutdown();
  for (let turn = 0; turn < 6; turn += 1) await new Promise(setImmediate);
  client.send(...GET);
  t.match(await client.all(), /connection: close.*hello$/is);
  await server.exited;
});

t.test('shutdown waits for a client that has just connected while others are done', async (t) => {
  const { handle, release } = held();
  const { server, told } = await startServer(t, handle, { graceMs: 60_000, silentGraceMs: 30_000 });
  const silent = await RawClient.connect(t, server);
  const other = (await RawClient.connect(t, server)).send(...GET);
  await told('http.request.start');
  server.shutdown();
  release();
  await other.all();
  for (let turn = 0; turn < 6; turn += 1) await new Promise(setImmediate);
  silent.send(...GET);
  await told('http.request.start', 2);
  release();
  t.match(await silent.all(), /connection: close.*hello$/is);
  await server.exited;
});

t.test('shutdown waits for the rest of a request, the first and a later one', async (t) => {
  const { server } = await startServer(t, hello, { graceMs: 60_000 });
  const first = (await RawClient.connect(t, server)).send('GET / HT');
  const later = (await RawClient.connect(t, server)).send(...GET, 'GET / HT');
  await later.until(/hello/);
  server.shutdown();
  for (let turn = 0; turn < 6; turn += 1) await new Promise(setImmediate);
  const rest = ['TP/1.1', 'Host: x', '', ''];
  first.send(...rest);
  later.send(...rest);
  t.match(await first.all(), /connection: close.*hello$/is);
  t.strictSame(statuses(await later.all()), [200, 200]);
  await server.exited;
});

t.test('shutdown closes a connection whose response had begun before', async (t) => {
  let finish = () => {};
  async function* body() {
    yield 'begin';
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    yield 'end';
  }
  const { server } = await startServer(t, () => ({ status: 200, headers: {}, body: body() }), {
    graceMs: 60_000,
  });
  const client = (await RawClient.connect(t, server)).send(...GET);
  await client.until(/begin/);
  server.shutdown();
  finish();
  t.match(await client.all(), /begin.*end.*0\r\n\r\n$/s);
  await server.exited;
});

/** A body that says `begin`, and then nothing until it is ended. */
function feed() {
  async function* body() {
    yield 'begin';
    await new Promise(() => {});
  }
  return { status: 200, headers: {}, body: body(), endless: true };
}

t.test('shutdown ends a response without an end in order, and at once', async (t) => {
  const { server, metadata } = await startServer(
    t,
    () => {
      // Its `return` settles while a `next` is pending, as that of a generator does not.
      let wake = () => {};
      let began = false;
      const body: AsyncIterableIterator<string> = {
        next: async () => {
          if (began) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
            return { done: true, value: undefined };
          }
          began = true;
          return { done: false, value: 'begin' };
        },
        return: async () => {
          wake();
          return { done: true, value: undefined };
        },
        [Symbol.asyncIterator]: () => body,
      };
      return { status: 200, headers: {}, body, endless: true };
    },
    { graceMs: 60_000 },
  );
  const client = (await RawClient.connect(t, server)).send(...GET);
  await client.until(/begin/);
  server.shutdown();
  t.match(await client.all(), /begin\r\n0\r\n\r\n$/);
  await server.exited;
  t.match(metadata('http.request.stop'), [{ status: 200, aborted: false }]);
});

t.test(
  'shutdown does not wait for an endless body that does not end when it is told',
  async (t) => {
    const { server } = await startServer(t, feed, { graceMs: 60_000 });
    const client = (await RawClient.connect(t, server)).send(...GET);
    await client.until(/begin/);
    server.shutdown();
    await Promise.all([client.closed, server.exited]);
  },
);

t.test(
  'shutdown does not wait for a client that takes nothing of an endless response',
  async (t) => {
    async function* flood() {
      for (;;) yield Buffer.alloc(64 * 1024);
    }
    const { server, told } = await startServer(
      t,
      () => ({ status: 200, headers: {}, body: flood(), endless: true }),
      { graceMs: 60_000 },
    );
    const client = (await RawClient.connect(t, server)).send(...GET);
    client.socket.pause();
    await told('http.request.start');
    server.shutdown();
    await server.exited;
  },
);

t.test('an endless response that is asked for during a shutdown ends at once', async (t) => {
  const { handle, release, releases } = held();
  const { server, told } = await startServer(
    t,
    (request) => {
      if (request.url.endsWith('/feed')) return feed();
      return handle();
    },
    { graceMs: 60_000 },
  );
  const client = await RawClient.connect(t, server);
  client.send(...GET, 'GET /feed HTTP/1.1', 'Host: x', '', '');
  await told('http.request.start', 2);
  server.shutdown();
  while (releases.length > 0) release();
  t.strictSame(statuses(await client.all()), [200, 200]);
  await server.exited;
});

/** More than the kernel keeps for a client that does not read. */
const LARGE = 'x'.repeat(16 * 1024 * 1024);

for (const [form, body] of [
  ['text', LARGE],
  ['bytes', Buffer.from(LARGE)],
] as const) {
  t.test(
    `shutdown waits for a slow client that has not taken all of its answer: ${form}`,
    async (t) => {
      const large = () => ({ status: 200, headers: {}, body });
      const { handle, release } = held();
      const { server, metadata, told } = await startServer(
        t,
        (request) => (request.target === '/held' ? handle() : large()),
        { graceMs: 60_000 },
      );
      const slow = await RawClient.connect(t, server);
      slow.socket.pause();
      slow.send(...GET);
      await told('http.request.start');
      const other = (await RawClient.connect(t, server)).send(
        ...['GET /held HTTP/1.1', 'Host: x', '', ''],
      );
      await told('http.request.start', 2);
      server.shutdown();
      release();
      t.match(await other.all(), /hello$/);
      slow.socket.resume();
      const received = await slow.all();
      t.equal(received.length - received.indexOf('\r\n\r\n') - 4, LARGE.length);
      await server.exited;
      t.strictSame(
        metadata('http.request.stop').map(({ status, aborted }) => [status, aborted]),
        [
          [200, false],
          [200, false],
        ],
      );
    },
  );
}

t.test('shutdown answers all pipelined requests that were accepted', async (t) => {
  const { handle, release, releases } = held();
  const { server, told } = await startServer(t, handle);
  const client = (await RawClient.connect(t, server)).send(...GET, ...GET, ...GET);
  await told('http.request.start', 3);
  server.shutdown();
  while (releases.length > 0) release();
  t.strictSame(statuses(await client.all()), [200, 200, 200]);
  await server.exited;
});

t.test('shutdown cuts off what is not done within its grace time', async (t) => {
  const { handle } = held();
  const { server, told, metadata } = await startServer(t, handle, { graceMs: 20 });
  const client = (await RawClient.connect(t, server)).send(...GET);
  await told('http.request.start');
  server.shutdown();
  t.strictSame(await server.exited, { type: 'shutdown' });
  t.equal(await client.all(), '');
  t.match(metadata('http.request.stop'), [{ status: 499, aborted: true }]);
});

t.test('kill closes everything at once', async (t) => {
  const { handle } = held();
  const { server, told } = await startServer(t, handle);
  const client = (await RawClient.connect(t, server)).send(...GET);
  await told('http.request.start');
  server.kill();
  t.strictSame(await server.exited, { type: 'killed' });
  t.equal(await client.all(), '');
});

t.test('stop is shutdown and the wait for its end; its port is free then', async (t) => {
  const { server } = await startServer(t, hello);
  await server.stop();
  await server.stop();
  const again = await startServer(t, hello, { tcpPort: server.address.tcpPort });
  t.equal((await fetch(again.server.url)).status, 200);
});

t.test('answers a client that sends its headers too slowly with 408', async (t) => {
  const { server } = await startServer(t, hello, { headersTimeoutMs: 30, requestTimeoutMs: 60 });
  const client = (await RawClient.connect(t, server)).send('GET / HTTP/1.1\r\nHost: x');
  t.match(await client.all(), /^HTTP\/1\.1 408 .*Request Timeout/s);
});

t.test('looks at all headers, however many there are', async (t) => {
  const { server } = await startServer(t, async (request) => ({
    ...hello(),
    body: await request.text(),
  }));
  const many = Array.from({ length: 1100 }, () => 'a:');
  const sent = ['POST / HTTP/1.1', 'Host: x', ...many, 'Content-Length: 4', '', 'body'];
  const client = (await RawClient.connect(t, server)).send(...sent);
  await client.until(/ 200 OK.*\r\n\r\nbody$/s);
  const other = await RawClient.connect(t, server);
  other.send('GET / HTTP/1.1', 'Host: x', ...many, 'Host: y', '', '');
  await other.until(/ 400 Bad Request/);
});

t.test('answers headers beyond the limit with 431', async (t) => {
  const { server } = await startServer(t, hello, { maxHeaderBytes: 1024 });
  const client = (await RawClient.connect(t, server)).send(
    'GET / HTTP/1.1',
    `A: ${'x'.repeat(2000)}`,
    '',
    '',
  );
  t.match(await client.all(), /^HTTP\/1\.1 431 /);
});

t.test('answers a client that sends its body too slowly with 408', async (t) => {
  const { server, told } = await startServer(
    t,
    async (request) => ({ status: 200, headers: {}, body: await request.text() }),
    { headersTimeoutMs: 30, requestTimeoutMs: 60 },
  );
  const client = await RawClient.connect(t, server);
  client.send('POST / HTTP/1.1', 'Host: x', 'Content-Length: 9', '', 'abc');
  t.match(await client.all(), /^HTTP\/1\.1 408 .*connection: close/is);
  await told('http.request.stop');
});
