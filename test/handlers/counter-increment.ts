import t from 'tap';
import { counterIncrement, incrementSchema } from '../../handlers/counter-increment.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { fakeContext } from '../support/handler-context.ts';

const request = () => new Request('http://localhost/counter/increment', { method: 'POST' });

t.test('adds one and says so', async (t) => {
  const context = fakeContext();
  const first = toResponse(await counterIncrement(request(), context));
  t.equal(first.status, 200);
  const body: unknown = await first.json();
  t.strictSame(body, { count: 1, node: 'node1@127.0.0.1', message: 'Counter incremented' });
  t.strictSame(incrementSchema.parse(body), body);
  const second = toResponse(await counterIncrement(request(), context));
  t.match(await second.json(), { count: 2 });
});

t.test('passes an idempotency key on, and refuses what is none', async (t) => {
  const keys: unknown[] = [];
  const counter = {
    get: async () => 0,
    increment: async (options?: { readonly key?: string; readonly requestId?: string }) => {
      t.equal(options?.requestId, 'request-1');
      return keys.push(options?.key);
    },
  };
  const context = fakeContext({ counter });
  const send = async (headers: Record<string, string>) => {
    const url = 'http://localhost/counter/increment';
    const answer = await counterIncrement(new Request(url, { method: 'POST', headers }), context);
    return toResponse(answer);
  };
  t.equal((await send({})).status, 200);
  t.equal((await send({ 'idempotency-key': '"k1"' })).status, 200);
  const refused = await send({ 'idempotency-key': 'no key' });
  t.equal(refused.status, 400);
  t.strictSame(await refused.json(), { errors: { detail: 'Bad Request' } });
  t.strictSame(keys, [undefined, 'k1']);
});

t.test('fails as the call to the counter fails', async (t) => {
  const failure = new Error('no counter');
  const counter = { get: async () => 0, increment: async () => Promise.reject(failure) };
  await t.rejects(counterIncrement(request(), fakeContext({ counter })), failure);
});
