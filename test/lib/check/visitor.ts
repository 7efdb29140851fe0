import t from 'tap';
import { z } from 'zod';
import { digits, expectHeader, expectStatus, Visitor } from '../../../lib/check/visitor.ts';
import { body, text } from '../../support/fake-deployment.ts';

const shape = z.object({ count: digits });

function visitor(answer: () => Response | Promise<Response>) {
  return new Visitor({ url: 'http://h', timeoutMs: 1_000, fetch: async () => answer() });
}

t.test('reads JSON of the form asked for, and counts exactly', async (t) => {
  const { body: value } = await visitor(() => text('{"count":9007199254740993}')).json('/x', shape);
  t.strictSame(value, { count: 9007199254740993n });
});

t.test('says what was expected and what came', async (t) => {
  const cases: [Response, RegExp][] = [
    [body({ count: 1 }, 500), /^GET \/x: expected status 200, got 500 "{\\"count\\":1}"/],
    [new Response('{"count":1}'), /expected the header content-type to match .*, got text\/plain/],
    [text('{'), /expected JSON, got "{"/],
    [text('{"other":1}'), /got "{\\"other\\":1}": .*count/s],
    [text(`"${'x'.repeat(1000)}"`), /…/],
    [
      new Response('', { status: 302, headers: { location: 'https://h/x' } }),
      /302 to https:\/\/h\/x/,
    ],
  ];
  for (const [answer, message] of cases) {
    await t.rejects(visitor(() => answer).json('/x', shape), {
      ...{ name: 'CheckFailure', code: 'wrong', message },
    });
  }
  const nameless = body({ count: 1 }, 200, { 'x-request-id': '' });
  await t.rejects(visitor(() => nameless).json('/x', shape), { message: /x-request-id/ });
});

t.test('no answer is told with its cause, and 503 is no mistake of the deployment', async (t) => {
  const refused = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
  await t.rejects(visitor(() => Promise.reject(refused)).ask('/x', { method: 'POST' }), {
    code: 'no_answer',
    message: 'POST /x: no answer: connect ECONNREFUSED',
  });
  await t.rejects(visitor(() => body({}, 503)).json('/x', shape), { code: 'unavailable' });
});

t.test('shows its credentials with every request', async (t) => {
  const seen: unknown[] = [];
  const operator = new Visitor({
    ...{ url: 'http://h', timeoutMs: 1_000, authorization: 'Basic eDp5' },
    fetch: async (_url, { headers }) => {
      seen.push(headers);
      return new Response('');
    },
  });
  await operator.ask('/x');
  await operator.ask('/x', { headers: { 'x-request-id': '1' } });
  t.strictSame(seen, [
    { authorization: 'Basic eDp5' },
    { authorization: 'Basic eDp5', 'x-request-id': '1' },
  ]);
});

t.test('an answer that does not come is given up', async (t) => {
  const never = new Visitor({
    ...{ url: 'http://h', timeoutMs: 1 },
    fetch: (_url, { signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
  });
  // The signal's own timer keeps no process alive.
  const alive = setInterval(() => {}, 1_000);
  t.teardown(() => clearInterval(alive));
  await t.rejects(never.ask('/x'), { code: 'no_answer', message: /timeout/ });
});

t.test('expectations about one answer', async (t) => {
  const headers = new Headers({ allow: 'GET, HEAD' });
  const answer = { request: 'GET /', status: 405, headers, text: '' };
  expectStatus(answer, 404, 405);
  expectHeader(answer, 'allow', /GET/);
  t.throws(() => expectStatus(answer, 200, 404), { message: /status 200 or 404, got 405/ });
  t.throws(() => expectHeader(answer, 'allow', /POST/), {
    message: /to match POST, got GET, HEAD/,
  });
  t.throws(() => expectHeader(answer, 'vary', /./), { message: /got none/ });
});
