import t from 'tap';
import type { HttpRequest, HttpResponse, RequestScope } from '../../../lib/http/messages.ts';
import { RawClient, startServer } from '../../support/http-client.ts';

const hello = (): HttpResponse => ({ status: 200, headers: {}, body: 'hello' });
const GET = ['GET / HTTP/1.1', 'Host: x', '', ''];

t.test('every response carries a request id: the one that came, or a new one', async (t) => {
  const { server, events, told } = await startServer(t, () => {
    throw new Error('broken');
  });
  const kept = await fetch(server.url, { headers: { 'x-request-id': 'abc' } });
  t.equal(kept.headers.get('x-request-id'), 'abc');
  const replaced = await fetch(server.url, { headers: { 'x-request-id': 'not a token' } });
  t.match(replaced.headers.get('x-request-id'), /^[0-9a-f-]{36}$/);
  await told('http.request.stop', 2);
  t.strictSame(
    events.map(({ event, metadata }) => [event, metadata.requestId === 'abc']),
    ['start', 'exception', 'stop']
      .map((name) => [`http.request.${name}`, true])
      .concat(['start', 'exception', 'stop'].map((name) => [`http.request.${name}`, false])),
  );
});

t.test('the scope shows headers, and the address at the other end whatever they say', async (t) => {
  const seen: unknown[] = [];
  const { server } = await startServer(t, (_request, scope) => {
    seen.push(scope.remoteAddress, scope.header('x-forwarded-for'), scope.header('set-cookie'));
    seen.push(scope.header('x-absent'));
    return hello();
  });
  const client = await RawClient.connect(t, server);
  client.send(
    ...['GET / HTTP/1.1', 'Host: x', 'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 192.0.2.2'],
    ...['Set-Cookie: a=1', 'Set-Cookie: b=2', 'Connection: close', '', ''],
  );
  await client.closed;
  t.strictSame(seen, ['127.0.0.1', '192.0.2.1, 192.0.2.2', 'a=1, b=2', undefined]);
});

t.test('a failing handler is 500 with its cause in the telemetry only', async (t) => {
  const failure = new Error('the cause');
  const { server, metadata, told } = await startServer(t, async () => Promise.reject(failure));
  const response = await fetch(`${server.url}/x?secret=1`);
  t.equal(response.status, 500);
  t.strictSame(await response.json(), { errors: { detail: 'Internal Server Error' } });
  await told('http.request.stop');
  t.equal(metadata('http.request.exception')[0]?.error, failure);
  t.match(metadata('http.request.stop'), [
    { path: '/x', status: 500, aborted: false, error: failure },
  ]);
});

t.test('the path of a request is told without its query, and without credentials', async (t) => {
  const { server, metadata, told } = await startServer(t, hello);
  const client = await RawClient.connect(t, server);
  client.send('GET http://op:s3cret@h/x?secret=1 HTTP/1.1', 'Host: h', 'Connection: close', '', '');
  await client.closed;
  await told('http.request.stop');
  t.match(metadata('http.request.stop'), [{ path: 'http://h/x', status: 200 }]);
});

t.test('a client that leaves aborts the signal; one stop tells of it', async (t) => {
  const reasons: unknown[] = [];
  const gone: boolean[] = [];
  const handle = (_request: HttpRequest, scope: RequestScope) =>
    new Promise<HttpResponse>((_resolve, reject) => {
      const { signal } = scope;
      gone.push(scope.isGone);
      signal.addEventListener('abort', () => {
        reasons.push(signal.reason);
        gone.push(scope.isGone);
        reject(signal.reason);
      });
    });
  const { server, metadata, told } = await startServer(t, handle);
  const client = (await RawClient.connect(t, server)).send(...GET);
  await told('http.request.start');
  client.socket.destroy();
  await told('http.request.stop');
  t.match(reasons, [{ name: 'HttpError', code: 'client_disconnected' }]);
  t.strictSame(gone, [false, true]);
  await new Promise(setImmediate);
  t.match(metadata('http.request.stop'), [{ status: 499, aborted: true }]);
  t.equal(metadata('http.request.stop').length, 1);
  t.strictSame(metadata('http.request.exception'), [], 'a handler that gives up is no failure');
});

/** More than the kernel keeps for a client that does not read. */
const LARGE = 'x'.repeat(16 * 1024 * 1024);

for (const [form, body] of [
  ['text', LARGE],
  ['bytes', Buffer.from(LARGE)],
] as const) {
  t.test(`an answer that its client has not taken is told as aborted: ${form}`, async (t) => {
    const { server, metadata, told } = await startServer(t, () => ({
      status: 200,
      headers: {},
      body,
    }));
    const client = await RawClient.connect(t, server);
    client.socket.pause();
    client.send(...GET);
    await told('http.request.start');
    client.socket.destroy();
    await told('http.request.stop');
    await new Promise(setImmediate);
    t.match(metadata('http.request.stop'), [{ status: 200, aborted: true }]);
    t.equal(metadata('http.request.stop').length, 1);
  });
}

t.test('a signal that is asked for after the client has left is aborted', async (t) => {
  let seen: AbortSignal | undefined;
  let go = () => {};
  const { server, metadata, told } = await startServer(t, async (_request, scope) => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    seen = scope.signal;
    throw new Error('too late');
  });
  const client = (await RawClient.connect(t, server)).send(...GET);
  await told('http.request.start');
  client.socket.destroy();
  await told('http.request.stop');
  go();
  await told('http.request.exception');
  t.ok(seen?.aborted);
  t.match(metadata('http.request.exception'), [{ error: { message: 'too late' } }]);
});

t.test('other expectations are 417', async (t) => {
  const { server } = await startServer(t, hello);
  const client = (await RawClient.connect(t, server)).send(
    'GET / HTTP/1.1',
    'Host: x',
    'Expect: miracles',
    '',
    '',
  );
  await client.until(/^HTTP\/1\.1 417 .*x-request-id.*Expectation Failed/s);
});
