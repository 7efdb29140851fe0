import t from 'tap';
import { health, healthSchema } from '../../handlers/health.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { fakeContext } from '../support/handler-context.ts';

t.test('says that the process answers, whatever else is wrong', async (t) => {
  const failing = { get: () => Promise.reject(new Error('x')), increment: async () => 0 };
  const context = fakeContext({ counter: failing });
  const response = toResponse(health(new Request('http://localhost/health'), context));
  t.equal(response.status, 200);
  t.equal(response.headers.get('cache-control'), 'no-store');
  const body: unknown = await response.json();
  t.strictSame(body, { status: 'ok', node: 'node1@127.0.0.1' });
  t.strictSame(healthSchema.parse(body), body);
});
