import t from 'tap';
import { rawResponse } from '../../../lib/http/raw-response.ts';

t.test('writes a whole response that ends its connection', async (t) => {
  t.equal(
    rawResponse({ status: 400, headers: { 'x-a': 'b' }, body: 'é' }, { 'x-c': 'd' }),
    'HTTP/1.1 400 Bad Request\r\nx-a: b\r\nx-c: d\r\ncontent-length: 2\r\nconnection: close\r\n\r\né',
  );
  t.match(
    rawResponse({ status: 200, headers: {}, body: null }),
    /content-length: 0\r\n.*\r\n\r\n$/s,
  );
  t.match(rawResponse({ status: 200, headers: {}, body: Buffer.from('ab') }), /\r\n\r\nab$/);
});

t.test('refuses a streamed body', async (t) => {
  const body = new ReadableStream<Uint8Array>();
  t.throws(() => rawResponse({ status: 200, headers: {}, body }), TypeError);
});
