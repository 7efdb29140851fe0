import t from 'tap';
import { type BodyChunk, toHttpResponse, toResponse } from '../../../lib/http/messages.ts';

async function* chunks(...values: BodyChunk[]) {
  yield* values;
}

t.test('a plain response becomes a standard one', async (t) => {
  const response = toResponse({
    status: 201,
    headers: { 'x-a': 'b', 'set-cookie': ['a=1', 'b=2'] },
    body: 'text',
  });
  t.equal(response.status, 201);
  t.equal(response.headers.get('x-a'), 'b');
  t.strictSame(response.headers.getSetCookie(), ['a=1', 'b=2']);
  t.equal(await response.text(), 'text');
});

t.test('a plain response is known without the class, which would load all of fetch', async (t) => {
  t.intercept(globalThis, 'Response', {
    get: () => t.fail('the class was named'),
    configurable: true,
  });
  const plain = { status: 200, headers: { get: 'a header' }, body: null };
  t.equal(toHttpResponse(plain), plain);
});

t.test('every kind of body becomes a standard one', async (t) => {
  t.equal(await toResponse({ status: 200, headers: {}, body: null }).text(), '');
  t.equal(await toResponse({ status: 200, headers: {}, body: Buffer.from('é') }).text(), 'é');
  const streamed = toResponse({ status: 200, headers: {}, body: chunks('a', Buffer.from('b')) });
  t.equal(await streamed.text(), 'ab');
});

t.test('cancelling a standard body ends the one behind it', async (t) => {
  let ended = false;
  async function* endless() {
    try {
      for (;;) yield 'x';
    } finally {
      ended = true;
    }
  }
  const reader = toResponse({ status: 200, headers: {}, body: endless() }).body?.getReader();
  await reader?.read();
  await reader?.cancel();
  t.ok(ended);
});

t.test('a standard response becomes a plain one, with each cookie on its own', async (t) => {
  const headers = new Headers({ 'X-A': 'b' });
  headers.append('set-cookie', 'a=1');
  headers.append('set-cookie', 'b=2');
  const { body, ...rest } = toHttpResponse(new Response('text', { status: 404, headers }));
  t.match(rest, { status: 404, headers: { 'x-a': 'b', 'set-cookie': ['a=1', 'b=2'] } });
  t.ok(body instanceof ReadableStream);
  const plain = { status: 200, headers: {}, body: 'x' };
  t.equal(toHttpResponse(plain), plain);
});
