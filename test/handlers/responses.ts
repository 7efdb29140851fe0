import t from 'tap';
import {
  countSchema,
  encodeJson,
  errorResponses,
  errorSchema,
  json,
  serviceUnavailable,
} from '../../handlers/responses.ts';
import { CallError, HandshakeError } from '../../lib/distribution/errors.ts';
import { HttpError } from '../../lib/http/errors.ts';
import { toResponse } from '../../lib/http/messages.ts';

t.test('encodeJson agrees with JSON.stringify wherever that can say it', async (t) => {
  const values = [
    null,
    true,
    0,
    -1.5,
    'é"\n\u2028',
    [],
    {},
    [1, [2, 'x']],
    { a: { b: [null] }, 'c"d': false },
  ];
  for (const value of values) t.equal(encodeJson(value), JSON.stringify(value));
});

t.test('encodeJson writes a bigint as its digits', async (t) => {
  t.equal(
    encodeJson({ count: 2n ** 64n, list: [1n] }),
    '{"count":18446744073709551616,"list":[1]}',
  );
});

t.test('json has status, content type and further headers', async (t) => {
  const response = toResponse(json({ a: 1 }, 201, { 'x-a': 'b' }));
  t.equal(response.status, 201);
  t.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
  t.equal(response.headers.get('x-a'), 'b');
  t.strictSame(await response.json(), { a: 1 });
});

t.test('serviceUnavailable is 503 with any body, and says when to come again', async (t) => {
  const response = toResponse(serviceUnavailable({ why: 'x' }, { 'x-a': 'b' }));
  t.equal(response.status, 503);
  t.equal(response.headers.get('retry-after'), '1');
  t.equal(response.headers.get('x-a'), 'b');
  t.strictSame(await response.json(), { why: 'x' });
});

t.test('countSchema accepts counts of any size and nothing else', async (t) => {
  for (const count of [0, 7, 2n ** 80n]) t.ok(countSchema.safeParse(count).success);
  for (const count of [-1, 1.5, -1n, '1', null]) t.notOk(countSchema.safeParse(count).success);
});

t.test('a call without a reply is 503 and may be repeated', async (t) => {
  for (const code of ['timeout', 'noproc', 'noconnection', 'exit'] as const) {
    const response = toResponse(errorResponses.forError(new CallError(code, 'no reply')));
    t.equal(response.status, 503);
    t.equal(response.headers.get('retry-after'), '1');
    t.strictSame(await response.json(), { errors: { detail: 'Service Unavailable' } });
  }
});

t.test('what is not expected is 500 and tells nothing of its cause', async (t) => {
  const unexpected = [
    new Error('secret'),
    new CallError('bad_reply', 'secret'),
    new HandshakeError('timeout', 'the same code as a call, but not a call'),
    Object.assign(new Error('secret'), { name: 'CallError', code: 'toString' }),
    Object.assign(new Error('secret'), { name: 'HttpError', code: 'constructor' }),
    'secret',
    undefined,
    null,
    { code: 'timeout', name: 'CallError' },
  ];
  for (const error of unexpected) {
    const response = toResponse(errorResponses.forError(error));
    t.equal(response.status, 500);
    t.equal(response.headers.get('retry-after'), null);
    t.strictSame(await response.json(), { errors: { detail: 'Internal Server Error' } });
  }
});

t.test('errors of HTTP have their status, detail and headers', async (t) => {
  const expected = {
    malformed_request: [400, 'Bad Request'],
    unauthorized: [401, 'Unauthorized'],
    not_found: [404, 'Not Found'],
    method_not_allowed: [405, 'Method Not Allowed'],
    request_timeout: [408, 'Request Timeout'],
    body_too_large: [413, 'Content Too Large'],
    expectation_failed: [417, 'Expectation Failed'],
    headers_too_large: [431, 'Request Header Fields Too Large'],
    client_disconnected: [499, 'Client Closed Request'],
    internal: [500, 'Internal Server Error'],
  } as const;
  for (const [code, [status, detail]] of Object.entries(expected)) {
    const known = code as keyof typeof expected;
    const headers = { allow: 'GET' };
    for (const response of [
      errorResponses.forCode(known, headers),
      errorResponses.forError(new HttpError(known, 'x', { headers })),
    ]) {
      t.equal(response.status, status);
      t.equal(response.headers.allow, 'GET');
      const body: unknown = await toResponse(response).json();
      t.strictSame(body, { errors: { detail } });
      t.ok(errorSchema.safeParse(body).success);
    }
  }
});
