import t from 'tap';
import { errorResponses, routes } from '../../../handlers/index.ts';
import type { HttpResponse } from '../../../lib/http/messages.ts';
import { createRouter } from '../../../lib/http/router.ts';
import { fakeContext } from '../../support/handler-context.ts';
import { RawClient, startServer, statuses } from '../../support/http-client.ts';

const text = (body: string): HttpResponse => ({ status: 200, headers: {}, body });
const hello = (): HttpResponse => ({ status: 200, headers: {}, body: 'hello' });
const GET = ['GET / HTTP/1.1', 'Host: x', '', ''];

t.test('serves the routes of the service over HTTP', async (t) => {
  const handle = createRouter({
    routes,
    errors: errorResponses,
    createContext: () => fakeContext(),
  });
  const { server, metadata } = await startServer(t, handle);
  const root = await fetch(server.url);
  t.equal(root.status, 200);
  t.equal(root.headers.get('content-type'), 'application/json; charset=utf-8');
  const head = await fetch(`${server.url}/counter`, { method: 'HEAD' });
  t.equal(await head.text(), '');
  const get = await fetch(`${server.url}/counter`);
  t.equal(head.headers.get('content-length'), String((await get.text()).length));
  t.equal(
    (await fetch(`${server.url}/counter/increment`, { method: 'POST', body: '{}' })).status,
    200,
  );
  t.equal((await fetch(`${server.url}/%`)).status, 400);
  t.match(metadata('http.request.stop'), [
    { method: 'GET', path: '/', route: '/', status: 200, aborted: false },
    { method: 'HEAD', path: '/counter', route: '/counter', status: 200 },
    { method: 'GET', path: '/counter', route: '/counter', status: 200 },
    { method: 'POST', path: '/counter/increment', route: '/counter/increment', status: 200 },
    { method: 'GET', path: '/%', route: undefined, status: 400 },
  ]);
});

t.test('answers pipelined requests in their order, whichever is ready first', async (t) => {
  const waiting = new Map<string, () => void>();
  const { server, told } = await startServer(t, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname !== '/3') await new Promise<void>((resolve) => waiting.set(pathname, resolve));
    return text(pathname);
  });
  const client = await RawClient.connect(t, server);
  client.send(...['/1', '/2', '/3'].flatMap((path) => [`GET ${path} HTTP/1.1`, 'Host: x', '']), '');
  await told('http.request.start', 3);
  waiting.get('/2')?.();
  await new Promise(setImmediate);
  t.equal(client.received, '');
  waiting.get('/1')?.();
  const received = await client.until(/\/3$/);
  t.strictSame(received.match(/^\/\d/gm), ['/1', '/2', '/3']);
  await told('http.request.stop', 3);
});

t.test('tells of every pipelined request when the client leaves', async (t) => {
  const { server, metadata, told } = await startServer(t, () => new Promise(() => {}));
  const client = (await RawClient.connect(t, server)).send(...GET, ...GET);
  await told('http.request.start', 2);
  client.socket.destroy();
  await told('http.request.stop', 2);
  t.match(metadata('http.request.stop'), [{ aborted: true }, { aborted: true }]);
});

t.test('what is not HTTP is 400 in the usual shape', async (t) => {
  const { server, metadata } = await startServer(t, hello);
  for (const lines of [
    ['nonsense', '', ''],
    ['GET / HTTP/1.1', '', ''],
    ['GET / HTTP/1.1', 'Host: a', 'Host: b', '', ''],
    ['GET / HTTP/1.1', 'Host: a', 'Content-Length: x', '', ''],
    ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Transfer-Encoding: chunked', '', ''],
    ['CONNECT a:1 HTTP/1.1', 'Host: a', '', ''],
  ]) {
    const client = (await RawClient.connect(t, server)).send(...lines);
    const received = await client.until(/\r\n\r\n\{.*\}$/s);
    t.match(received, /^HTTP\/1\.1 400 Bad Request\r\n/, lines.join(' '));
    t.match(received, /content-type: application\/json; charset=utf-8/i);
    t.match(received, /x-request-id: [0-9a-f-]{36}/);
    t.match(received, /\{"errors":\{"detail":"Bad Request"\}\}$/);
    client.socket.destroy();
  }
  t.match(metadata('http.request.refused')[0], { code: 'malformed_request', status: 400 });
});

t.test('HTTP/1.0 needs no Host and gets no keep-alive', async (t) => {
  const { server } = await startServer(t, hello);
  const client = (await RawClient.connect(t, server)).send('GET / HTTP/1.0', '', '');
  t.match(await client.all(), /200 OK.*hello$/s);
});

t.test('requests that came before the nonsense are answered before it', async (t) => {
  let go = () => {};
  const { server, told } = await startServer(t, async () => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    return hello();
  });
  const client = (await RawClient.connect(t, server)).send(...GET, 'nonsense', '', '');
  await told('http.request.start');
  await new Promise((resolve) => setTimeout(resolve, 20));
  go();
  t.strictSame(statuses(await client.all()), [200, 400]);
});

t.test('the same bytes cut anywhere get the same answers', async (t) => {
  const { server } = await startServer(t, async (request) => text(`<${await request.text()}>`), {
    generateRequestId: () => 'id',
  });
  const bytes = [
    ...[
      'POST /a HTTP/1.1',
      'Host: x',
      'Content-Length: 3',
      '',
      'oneGET /b HTTP/1.1',
      'Host: x',
      '',
    ],
    ...['', 'POST /c HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', 'Connection: close', ''],
    ...['3', 'two', '2', 'ab', '0', '', ''],
  ].join('\r\n');
  for (let at = 1; at < bytes.length; at += 7) {
    const client = (await RawClient.connect(t, server)).send(bytes.slice(0, at));
    await new Promise(setImmediate);
    const received = await client.send(bytes.slice(at)).all();
    t.strictSame(received.match(/<.*>/g), ['<one>', '<>', '<twoab>'], `cut at ${at}`);
  }
});

t.test('damaged requests are answered or cut off, and never left open', async (t) => {
  const { server, metadata } = await startServer(t, async (request) => text(await request.text()));
  const bytes = [
    ...['POST /a?b=c HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', 'Expect: 100-continue'],
    ...['Connection: close', '', '3', 'abc', '0', '', ''],
  ].join('\r\n');
  for (let at = 0; at < bytes.length; at += 1) {
    const damaged = `${bytes.slice(0, at)}\x07${bytes.slice(at + 1)}`;
    const client = (await RawClient.connect(t, server)).send(damaged);
    // The end of the bytes: what is not complete by now never will be.
    client.socket.end();
    for (const status of statuses(await client.all())) {
      t.ok([100, 200, 400, 404, 417].includes(status), `${status} for damage at ${at}`);
    }
  }
  t.equal(metadata('http.request.stop').length, metadata('http.request.start').length);
  t.strictSame(
    metadata('http.request.exception').map(({ error }) => error),
    [],
  );
});
