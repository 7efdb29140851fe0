import t from 'tap';
import { counterIncrement, incrementSchema } from '../../handlers/counter-increment.ts';
import type { CounterView } from '../../handlers/index.ts';
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
    increment: async (options: Parameters<CounterView['increment']>[0]) => {
      t.equal(options?.requestId, 'request-1');
      t.equal(options?.caller?.isGone, true, 'whoever counts can ask');
      return keys.push(options?.key);
    },
  };
  const send = async (key?: string) => {
    const header = (name: string) => (name === 'idempotency-key' ? key : undefined);
    const context = fakeContext({ counter, header, isGone: true });
    return toResponse(await counterIncrement(request(), context));
  };
  t.equal((await send()).status, 200);
  t.equal((await send('"k1"')).status, 200);
  const refused = await send('no key');
  t.equal(refused.status, 400);
  t.strictSame(await refused.json(), { errors: { detail: 'Bad Request' } });
  t.strictSame(keys, [undefined, 'k1']);
});

t.test('fails as the call to the counter fails', async (t) => {
  const failure = new Error('no counter');
  const counter = { get: async () => 0, increment: async () => Promise.reject(failure) };
  await t.rejects(counterIncrement(request(), fakeContext({ counter })), failure);
});
