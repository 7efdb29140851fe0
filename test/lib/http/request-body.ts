import { request } from 'node:http';
import t from 'tap';
import { HttpError } from '../../../lib/http/errors.ts';
import type { HttpRequest, HttpResponse } from '../../../lib/http/messages.ts';
import { RawClient, startServer, statuses } from '../../support/http-client.ts';

const text = (body: string): HttpResponse => ({ status: 200, headers: {}, body });
const hello = (): HttpResponse => ({ status: 200, headers: {}, body: 'hello' });
const echo = async (request: HttpRequest): Promise<HttpResponse> => ({
  status: 200,
  headers: {},
  body: await request.text(),
});
const GET = ['GET / HTTP/1.1', 'Host: x', '', ''];

t.test('streams bodies in both directions', async (t) => {
  const { server } = await startServer(t, (request) => ({
    status: 200,
    headers: {},
    body: request.body,
  }));
  const client = (await RawClient.connect(t, server)).send(
    'POST / HTTP/1.1',
    'Host: x',
    'Transfer-Encoding: chunked',
    '',
    '3',
    'one',
    '',
  );
  await client.until(/one/);
  client.send('3', 'two', '');
  await client.until(/two/);
  client.send('0', '', '');
  await client.until(/\r\n0\r\n\r\n$/);
  client.send('POST / HTTP/1.1', 'Host: x', 'Content-Length: 4', '', 'next');
  await client.until(/next/);
});

t.test('reading fails when the client leaves within its body', async (t) => {
  const errors: unknown[] = [];
  const { server, told } = await startServer(t, async (request) => {
    try {
      return text(await request.text());
    } catch (error) {
      errors.push(error);
      throw error;
    }
  });
  const client = (await RawClient.connect(t, server)).send(
    'POST / HTTP/1.1',
    'Host: x',
    'Content-Length: 9',
    '',
    'abc',
  );
  await told('http.request.start');
  client.socket.resetAndDestroy();
  await told('http.request.stop');
  await new Promise(setImmediate);
  t.match(errors, [{ code: 'client_disconnected' }]);
});

t.test('a client that ends its side within a body is answered with 400', async (t) => {
  const { server } = await startServer(t, echo);
  const client = await RawClient.connect(t, server);
  client.send('POST / HTTP/1.1', 'Host: x', 'Content-Length: 9', '', 'abc').socket.end();
  t.strictSame(statuses(await client.all()), [400]);
});

t.test('a reader that waits is told when the response was sent without it', async (t) => {
  let reading: Promise<unknown> = Promise.resolve();
  const { server } = await startServer(t, (request) => {
    reading = request.text().catch((error: unknown) => error);
    return hello();
  });
  const client = await RawClient.connect(t, server);
  client.send('POST / HTTP/1.1', 'Host: x', 'Content-Length: 9', '', 'abc');
  await client.until(/hello/);
  t.match(await reading, { message: /response was sent before/ });
  client.send('defghi', ...GET);
  await client.until(/hello.*hello/s);
});

t.test('a request can be streamed back, and its connection closes if it never ends', async (t) => {
  const { server } = await startServer(
    t,
    async (request) => {
      const reader = request.body?.getReader();
      async function* first() {
        const chunk = await reader?.read();
        if (chunk?.value) yield chunk.value;
      }
      return { status: 200, headers: {}, body: first() };
    },
    { lingerMs: 20 },
  );
  const client = await RawClient.connect(t, server);
  client.send('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', '', '3', 'one', '');
  t.match(await client.all(), /one\r\n0\r\n\r\n$/);
});

t.test('reads a body that comes slowly, byte by byte', async (t) => {
  const { server } = await startServer(t, echo);
  const client = (await RawClient.connect(t, server)).send(
    'POST / HTTP/1.1',
    'Host: x',
    'Content-Length: 6',
    '',
    '',
  );
  for (const letter of 'slowly') {
    client.send(letter);
    await new Promise(setImmediate);
  }
  await client.until(/slowly$/);
});

t.test('refuses a body that announces too much before any handler sees it', async (t) => {
  let handled = 0;
  const { server, metadata } = await startServer(
    t,
    () => {
      handled += 1;
      return hello();
    },
    { maxBodyBytes: 10 },
  );
  const client = (await RawClient.connect(t, server)).send(
    'POST / HTTP/1.1',
    'Host: x',
    'Content-Length: 11',
    '',
    'x'.repeat(11),
  );
  const answer = await client.all();
  t.match(answer, /^HTTP\/1\.1 413 .*connection: close.*Content Too Large/is);
  t.match(answer, /x-request-id: /);
  t.equal(handled, 0);
  t.match(metadata('http.request.stop'), [{ status: 413, aborted: false }]);
});

t.test('refuses a chunked body at the byte that is too much', async (t) => {
  const { server } = await startServer(t, echo, { maxBodyBytes: 10, lingerMs: 50 });
  const chunked = ['POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', ''];
  const allowed = (await RawClient.connect(t, server)).send(
    ...chunked,
    'a',
    '0123456789',
    '0',
    '',
    '',
  );
  await allowed.until(/0123456789$/);
  const refused = (await RawClient.connect(t, server)).send(...chunked, 'b', '0123456789a', '');
  t.match(await refused.all(), /^HTTP\/1\.1 413 /);
});

t.test(
  'the answer to a body that is too large arrives although the client goes on sending',
  async (t) => {
    const { server } = await startServer(t, echo);
    const { host, tcpPort } = server.address;
    const status = await new Promise((resolve, reject) => {
      const req = request({ host, port: tcpPort, method: 'POST', agent: false });
      req.on('response', (res) => resolve(res.resume().statusCode));
      req.on('error', reject);
      for (let i = 0; i < 30; i += 1) req.write(Buffer.alloc(64 * 1024));
      req.end();
    });
    t.equal(status, 413);
  },
);

t.test('stops listening to a client that never ends its body', async (t) => {
  const { server } = await startServer(t, hello, { lingerBytes: 1000, lingerMs: 60_000 });
  const client = (await RawClient.connect(t, server)).send(
    'POST / HTTP/1.1',
    'Host: x',
    'Transfer-Encoding: chunked',
    '',
    '1',
    'x',
    '',
  );
  await client.until(/connection: close.*hello$/is);
  client.send('7d0', 'y'.repeat(2000), '');
  await client.closed;
});

t.test('an unread body does not disturb the next request', async (t) => {
  const { server } = await startServer(t, (request) =>
    request.method === 'POST' ? hello() : text('second'),
  );
  const client = (await RawClient.connect(t, server)).send(
    'POST / HTTP/1.1',
    'Host: x',
    'Content-Length: 60000',
    '',
    'x',
  );
  await client.until(/hello/);
  client.send('x'.repeat(59_999)).send(...GET);
  await client.until(/second/);
  t.strictSame(statuses(client.received), [200, 200]);
});

t.test('a body of which a part was read does not disturb the next request', async (t) => {
  const { server } = await startServer(t, async (request) => {
    const reader = request.body?.getReader();
    if (!reader) return text('second');
    await reader.read();
    return hello();
  });
  const client = (await RawClient.connect(t, server)).send(
    'POST / HTTP/1.1',
    'Host: x',
    'Content-Length: 60000',
    '',
    'x',
  );
  await client.until(/hello/);
  client.send('x'.repeat(59_999)).send(...GET);
  await client.until(/second/);
});

t.test('100 Continue is sent when the body is read, and only then', async (t) => {
  const { server } = await startServer(t, (request) =>
    request.url.endsWith('/read') ? echo(request) : hello(),
  );
  const expecting = (path: string, length = 4) => [
    `POST ${path} HTTP/1.1`,
    'Host: x',
    'Expect: 100-continue',
    `Content-Length: ${length}`,
    '',
    '',
  ];
  const read = (await RawClient.connect(t, server)).send(...expecting('/read'));
  await read.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  read.send('body');
  await read.until(/HTTP\/1\.1 200 .*body$/s);
  const unread = (await RawClient.connect(t, server)).send(...expecting('/'));
  t.match(await unread.all(), /^HTTP\/1\.1 200 .*connection: close.*hello$/is);
  const large = (await RawClient.connect(t, server)).send(...expecting('/read', 1e9));
  t.match(await large.all(), /^HTTP\/1\.1 413 /);
});

t.test('a chunked body that turns into nonsense fails its reader with 400', async (t) => {
  const errors: unknown[] = [];
  const { server } = await startServer(t, async (request) => {
    try {
      return text(await request.text());
    } catch (error) {
      errors.push(error);
      throw error;
    }
  });
  const client = (await RawClient.connect(t, server)).send(
    'POST / HTTP/1.1',
    'Host: x',
    'Transfer-Encoding: chunked',
    '',
    '3',
    'one',
    'zzz',
    '',
  );
  const received = await client.all();
  t.strictSame(statuses(received), [400]);
  t.match(received, /connection: close/i);
  t.ok(errors[0] instanceof HttpError);
});
