import t from 'tap';
import { counterSchema, counterShow } from '../../handlers/counter-show.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { fakeContext } from '../support/handler-context.ts';

const request = () => new Request('http://localhost/counter');

t.test('shows the count and the node that answered', async (t) => {
  const response = toResponse(await counterShow(request(), fakeContext()));
  t.equal(response.status, 200);
  const body: unknown = await response.json();
  t.strictSame(body, { count: 0, node: 'node1@127.0.0.1' });
  t.strictSame(counterSchema.parse(body), body);
});

t.test('writes every digit of a count beyond 2^53', async (t) => {
  const counter = { get: async () => 2n ** 70n, increment: async () => 0 };
  const response = toResponse(await counterShow(request(), fakeContext({ counter })));
  t.equal(await response.text(), '{"count":1180591620717411303424,"node":"node1@127.0.0.1"}');
});

t.test(
  'hands its signal and the request id to the call, and fails as the call fails',
  async (t) => {
    const failure = new Error('no counter');
    const { signal } = new AbortController();
    const seen: unknown[] = [];
    const counter = {
      get: async (options?: { signal?: AbortSignal; requestId?: string }) => {
        seen.push(options?.signal, options?.requestId);
        throw failure;
      },
      increment: async () => 0,
    };
    await t.rejects(counterShow(request(), fakeContext({ counter, signal })), failure);
    t.equal(seen[0], signal);
    t.equal(seen[1], 'request-1');
  },
);
