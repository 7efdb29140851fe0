import t from 'tap';
import type { HttpResponse } from '../../../lib/http/messages.ts';
import { RawClient, startServer } from '../../support/http-client.ts';

const _text = (body: string): HttpResponse => ({ status: 200, headers: {}, body });
const GET = ['GET / HTTP/1.1', 'Host: x', '', ''];

t.test('a response that HTTP cannot carry is answered with 500', async (t) => {
  for (const response of [
    { status: 200, headers: { 'x-a': 'line\r\nbreak' }, body: '' },
    { status: 99, headers: {}, body: '' },
  ]) {
    const { server, metadata, told } = await startServer(t, () => response);
    t.equal((await fetch(server.url)).status, 500);
    await told('http.request.stop');
    t.equal(metadata('http.request.exception').length, 1);
  }
});

t.test('a standard Response is sent like a plain one', async (t) => {
  const { server } = await startServer(t, () => {
    const headers = new Headers({ 'x-a': 'b' });
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    return new Response('standard', { status: 202, headers });
  });
  const response = await fetch(server.url);
  t.equal(response.status, 202);
  t.equal(await response.text(), 'standard');
  t.strictSame(response.headers.getSetCookie(), ['a=1', 'b=2']);
});

t.test('asks a streamed body for no more than the client takes', async (t) => {
  let produced = 0;
  let ended = false;
  const chunk = Buffer.alloc(64 * 1024);
  async function* endless() {
    try {
      for (;;) {
        produced += 1;
        yield chunk;
        await new Promise(setImmediate);
      }
    } finally {
      ended = true;
    }
  }
  const { server, metadata, told } = await startServer(t, () => ({
    status: 200,
    headers: {},
    body: endless(),
  }));
  const client = (await RawClient.connect(t, server)).send(...GET);
  client.socket.pause();
  let before = -1;
  while (before !== produced) {
    before = produced;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.ok(produced > 0 && produced < 500, `stopped after ${produced} chunks`);
  client.socket.destroy();
  await told('http.request.stop');
  await new Promise(setImmediate);
  t.ok(ended, 'the body was cancelled');
  t.match(metadata('http.request.stop'), [{ status: 200, aborted: true }]);
});

t.test('a client that takes nothing of a stream for too long is cut off', async (t) => {
  let ended = false;
  async function* flood() {
    try {
      for (;;) yield Buffer.alloc(64 * 1024);
    } finally {
      ended = true;
    }
  }
  const { server, metadata, told } = await startServer(
    t,
    () => ({ status: 200, headers: {}, body: flood(), endless: true }),
    { stallMs: 50 },
  );
  const client = (await RawClient.connect(t, server)).send(...GET);
  client.socket.pause();
  await told('http.request.stop');
  t.match(metadata('http.request.stop'), [{ status: 200, aborted: true, error: undefined }]);
  t.strictSame(metadata('http.request.exception'), [], 'it is no fault of the server');
  t.ok(ended, 'the body was cancelled');
});

t.test('a client that reads slowly, but reads, gets all of a stream', async (t) => {
  const chunk = 'x'.repeat(256 * 1024);
  async function* body() {
    for (let i = 0; i < 40; i += 1) yield chunk;
    yield 'end';
  }
  const { server } = await startServer(t, () => ({ status: 200, headers: {}, body: body() }), {
    stallMs: 10_000,
  });
  const client = (await RawClient.connect(t, server)).send(...GET);
  client.socket.pause();
  setTimeout(() => client.socket.resume(), 20);
  await client.until(/end\r\n0\r\n\r\n$/);
});

t.test('a body that fails on its way breaks the response off', async (t) => {
  async function* body() {
    yield 'begin';
    throw new Error('lost');
  }
  const { server, metadata, told } = await startServer(t, () => ({
    status: 200,
    headers: {},
    body: body(),
  }));
  const client = (await RawClient.connect(t, server)).send(...GET);
  t.notMatch(await client.all(), /0\r\n\r\n$/);
  await told('http.request.stop');
  t.match(metadata('http.request.exception'), [{ error: { message: 'lost' } }]);
  t.match(metadata('http.request.stop'), [{ status: 200, aborted: true }]);
});

t.test('HEAD sends no body, and ends one that would be streamed', async (t) => {
  let cancelled = false;
  const body = () =>
    new ReadableStream({
      cancel() {
        cancelled = true;
      },
    });
  const { server } = await startServer(t, () => ({ status: 200, headers: {}, body: body() }));
  const response = await fetch(server.url, { method: 'HEAD' });
  t.equal(await response.text(), '');
  t.ok(cancelled);
});

t.test('204 has neither body nor length', async (t) => {
  const { server } = await startServer(t, () => ({ status: 204, headers: {}, body: null }));
  const client = (await RawClient.connect(t, server)).send(...GET);
  t.notMatch(await client.until(/\r\n\r\n/), /content-length|transfer-encoding/i);
});
