import t from 'tap';
import { hello, helloSchema } from '../../handlers/hello.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { fakeContext } from '../support/handler-context.ts';

t.test('greets with the node and the time in UTC', async (t) => {
  const response = toResponse(hello(new Request('http://localhost/'), fakeContext()));
  t.equal(response.status, 200);
  t.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
  const body: unknown = await response.json();
  t.strictSame(body, {
    message: 'Hello, World from Distributed Node.js!',
    node: 'node1@127.0.0.1',
    timestamp: '2026-01-02T03:04:05.678Z',
  });
  t.strictSame(helloSchema.parse(body), body);
});
