import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import type { HttpResponse } from '../../../lib/http/messages.ts';
import { RawClient, startServer } from '../../support/http-client.ts';

const CLOSING = ['GET /last HTTP/1.1', 'Host: x', 'Connection: close', '', ''];
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

t.test('an answer that is sent at once is the one that Node writes', async (t) => {
  const headers = { 'content-type': 'text/plain', 'x-a': 'b c' };
  const body = 'hello';
  const plain = createServer({ keepAliveTimeout: 7_000 }, (_request, response) => {
    const own = { 'x-request-id': 'r1', 'content-length': body.length };
    response.writeHead(200, { ...headers, ...own }).end(body);
  }).listen(0, '127.0.0.1');
  t.teardown(() => plain.close());
  await new Promise((resolve) => plain.once('listening', resolve));
  const { port } = plain.address() as AddressInfo;
  const { server } = await startServer(t, () => ({ status: 200, headers, body }), {
    ...{ keepAliveTimeoutMs: 7_000, generateRequestId: () => 'r1' },
  });
  const answerOf = async (url: string) => {
    const client = await RawClient.connect(t, { address: hostAndPort(url) });
    client.send(get('/').trimEnd(), '', '');
    await client.until(/hello$/);
    client.socket.destroy();
    return client.received.replace(/\d\d:\d\d:\d\d/, '');
  };
  t.equal(await answerOf(server.url), await answerOf(`http://127.0.0.1:${port}`));
});

t.test('requests of one chunk are answered in order, the slow one first', async (t) => {
  const { server, metadata, told } = await startServer(t, async ({ url }) => {
    if (url.endsWith('/slow')) await new Promise((resolve) => setTimeout(resolve, 30));
    return { status: 200, headers: {}, body: `<${new URL(url).pathname}>` };
  });
  const client = await RawClient.connect(t, server);
  client.socket.write(get('/a') + get('/slow') + get('/b') + get('/c') + CLOSING.join('\r\n'));
  await client.closed;
  t.strictSame(client.received.match(/<.*>/g), ['</a>', '</slow>', '</b>', '</c>', '</last>']);
  await told('http.request.stop', 5);
  t.equal(metadata('http.request.stop').length, 5);
  t.ok(metadata('http.request.stop').every(({ status, aborted }) => status === 200 && !aborted));
});

t.test('a connection serves one request after the other, with a body or without', async (t) => {
  const { server, metadata, told } = await startServer(t, async (request) => ({
    ...{ status: 200, headers: {} },
    body: `${request.method}:${await request.text()};`,
  }));
  const client = await RawClient.connect(t, server);
  const send = async (head: string, content: string, answer: RegExp) => {
    client.socket.write(`${head} / HTTP/1.1\r\nHost: x\r\n${content}`);
    await client.until(answer);
    client.received = '';
  };
  for (let i = 0; i < 3; i += 1) {
    await send('GET', '\r\n', /\r\n\r\nGET:;$/);
    await send('POST', '\r\n', /\r\n\r\nPOST:;$/);
    await send('POST', 'Content-Length: 0\r\n\r\n', /\r\n\r\nPOST:;$/);
    await send('POST', 'Content-Length: 3\r\n\r\nabc', /\r\n\r\nPOST:abc;$/);
    const chunked = 'Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n';
    await send('POST', chunked, /\r\n\r\nPOST:de;$/);
    await send('HEAD', '\r\n', /content-length: 6\r\n(?:.+\r\n)*\r\n$/);
  }
  await told('http.request.stop', 18);
  t.equal(metadata('http.request.stop').length, 18);
});

t.test('text beyond ASCII arrives as it is', async (t) => {
  for (const body of ['caf\u00e9', '\u20ac \ud83d\ude00']) {
    const { server } = await startServer(t, () => ({ status: 200, headers: {}, body }));
    t.equal(await (await fetch(server.url)).text(), body);
  }
});

t.test('clients that do not keep the connection get the end of it', async (t) => {
  const { server } = await startServer(t, () => ({ status: 200, headers: {}, body: 'hello' }));
  for (const head of ['GET / HTTP/1.0', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close']) {
    const client = await RawClient.connect(t, server);
    client.send(head, '', '');
    await client.closed;
    t.match(client.received, /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Connection: close\r\n.*hello$/s);
  }
});

t.test('an answer that the client does not take is told when it has gone', async (t) => {
  const body = 'x'.repeat(32 * 1024 * 1024);
  const { server, metadata, told } = await startServer(
    t,
    (): HttpResponse => ({ status: 200, headers: {}, body }),
  );
  const client = await RawClient.connect(t, server);
  client.socket.pause();
  client.socket.write(get('/'));
  await told('http.request.start');
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.strictSame(metadata('http.request.stop'), []);
  client.socket.destroy();
  await told('http.request.stop');
  await new Promise(setImmediate);
  t.match(metadata('http.request.stop'), [{ status: 200, aborted: true, error: undefined }]);
});

t.test('an answer that the client takes late is complete', async (t) => {
  const body = `${'x'.repeat(16 * 1024 * 1024)}end`;
  const { server, metadata, told } = await startServer(t, () => ({
    ...{ status: 200, headers: {}, body },
  }));
  const client = await RawClient.connect(t, server);
  client.socket.pause();
  client.socket.write(get('/'));
  await told('http.request.start');
  client.socket.resume();
  await client.until(/end$/);
  await told('http.request.stop');
  t.match(metadata('http.request.stop'), [{ status: 200, aborted: false }]);
});

function hostAndPort(url: string): { host: string; tcpPort: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, tcpPort: Number(port) };
}
