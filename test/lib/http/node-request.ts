import t from 'tap';
import type { HttpResponse } from '../../../lib/http/messages.ts';
import { startServer } from '../../support/http-client.ts';

const text = (body: string): HttpResponse => ({ status: 200, headers: {}, body });
const hello = (): HttpResponse => ({ status: 200, headers: {}, body: 'hello' });

t.test('the request has all parts of a standard one', async (t) => {
  const { server } = await startServer(t, async (request, scope) => {
    t.match(request.url, /^http:\/\/127\.0\.0\.1:\d+\/a\?b=c$/);
    t.equal(request.method, 'PUT');
    t.equal(request.headers.get('x-a'), '1, 2');
    t.equal(request.signal, scope.signal);
    t.equal(request.bodyUsed, false);
    t.strictSame(await request.json(), { a: 1 });
    t.equal(request.bodyUsed, true);
    await t.rejects(request.text(), { message: /only once/ });
    return hello();
  });
  const headers = new Headers([
    ['x-a', '1'],
    ['x-a', '2'],
  ]);
  const response = await fetch(`${server.url}/a?b=c`, { method: 'PUT', body: '{"a":1}', headers });
  t.equal(response.status, 200);
});

t.test('a body that is not JSON is 400', async (t) => {
  const { server } = await startServer(t, async (request) => text(String(await request.json())));
  t.equal((await fetch(server.url, { method: 'POST', body: '{' })).status, 400);
});
