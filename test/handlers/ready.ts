import t from 'tap';
import { ready, readySchema } from '../../handlers/ready.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { fakeContext } from '../support/handler-context.ts';

const request = () => new Request('http://localhost/ready');

t.test('is 200 with every check by name when the node is ready', async (t) => {
  const response = toResponse(await ready(request(), fakeContext()));
  t.equal(response.status, 200);
  t.equal(response.headers.get('cache-control'), 'no-store');
  const body: unknown = await response.json();
  t.strictSame(body, {
    status: 'ready',
    node: 'node1@127.0.0.1',
    checks: { http: 'up', distribution: 'off', cluster: 'joined', counter: 'reachable' },
  });
  t.strictSame(readySchema.parse(body), body);
});

t.test('is 503 with the check that fails', async (t) => {
  const checks = {
    http: 'up',
    distribution: 'up',
    cluster: 'joining',
    counter: 'not_asked',
  } as const;
  const readiness = { check: async () => ({ ready: false, checks }) };
  const response = toResponse(await ready(request(), fakeContext({ readiness })));
  t.equal(response.status, 503);
  t.equal(response.headers.get('retry-after'), '1');
  t.equal(response.headers.get('cache-control'), 'no-store');
  const body: unknown = await response.json();
  t.strictSame(body, { status: 'unavailable', node: 'node1@127.0.0.1', checks });
  t.strictSame(readySchema.parse(body), body);
});
