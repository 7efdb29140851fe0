import t from 'tap';
import { errorResponses } from '../../../handlers/responses.ts';
import { HttpError } from '../../../lib/http/errors.ts';
import { type RequestScope, toResponse } from '../../../lib/http/messages.ts';
import { canonicalPath, createRouter, type Route } from '../../../lib/http/router.ts';
import { fakeScope } from '../../support/request-scope.ts';

function text(body: string, status = 200) {
  return { status, headers: {}, body };
}

interface Seen {
  route?: string;
  error?: unknown;
}

async function answer(routes: readonly Route<RequestScope>[], method: string, url: string) {
  const seen: Seen = {};
  const scope = fakeScope({
    matched(route) {
      seen.route = route;
    },
    failed(error) {
      seen.error = error;
    },
  });
  const router = createRouter({ routes, errors: errorResponses, createContext: (s) => s });
  // Not a Request where that would tidy the URL first.
  const request = Object.defineProperty(new Request('http://localhost/', { method }), 'url', {
    value: url,
  });
  return { response: toResponse(await router(request, scope)), seen };
}

const routes: readonly Route<RequestScope>[] = [
  { method: 'GET', path: '/', handler: () => text('root') },
  { method: 'GET', path: '/things', handler: () => text('all') },
  { method: 'POST', path: '/things', handler: async () => text('made', 201) },
  { method: 'GET', path: '/things/:name', handler: (_r, _c, { name }) => text(`<${name}>`) },
];

t.test('finds the route by method and path, and names it', async (t) => {
  const { response, seen } = await answer(routes, 'POST', 'http://h/things?x=1');
  t.equal(response.status, 201);
  t.equal(await response.text(), 'made');
  t.strictSame(seen, { route: '/things' });
});

t.test('hands decoded parameters to the handler', async (t) => {
  for (const [path, expected] of [
    ['/things/a', '<a>'],
    ['/things/a%20b', '<a b>'],
    ['/things/a%2Fb', '<a/b>'],
    ['/things/%C3%A9', '<é>'],
    ['/things/100%25', '<100%>'],
    ['/things/.hidden', '<.hidden>'],
  ] as const) {
    const { response, seen } = await answer(routes, 'GET', `http://h${path}`);
    t.equal(await response.text(), expected, path);
    t.equal(seen.route, '/things/:name');
  }
});

t.test('treats different spellings of a path alike', async (t) => {
  for (const url of [
    'http://h/things',
    'http://h/things/',
    'http://h//things',
    'http://h/things//',
    'http://h/%74hings',
    '/things',
    '/things#x',
    'http://h/./things',
    'http://h/x/../things',
  ]) {
    const { response } = await answer(routes, 'GET', url);
    t.equal(await response.text(), 'all', url);
  }
});

t.test('answers HEAD as GET', async (t) => {
  const { response, seen } = await answer(routes, 'HEAD', 'http://h/things');
  t.equal(response.status, 200);
  t.equal(seen.route, '/things');
});

t.test('is 404 without a route, and says in the scope which path it was', async (t) => {
  const { response, seen } = await answer(routes, 'GET', 'http://h/nothing');
  t.equal(response.status, 404);
  t.match(seen, { error: { code: 'not_found', message: /\/nothing/ } });
  t.equal(seen.route, undefined);
  for (const url of ['*', 'http://h/things/a/b', '/__proto__', '/constructor']) {
    t.equal((await answer(routes, 'GET', url)).response.status, 404, url);
  }
});

t.test('is 405 with another method, OPTIONS included', async (t) => {
  for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
    const { response } = await answer(routes, method, 'http://h/things');
    t.equal(response.status, 405);
    t.equal(response.headers.get('allow'), 'GET, HEAD, POST');
  }
});

t.test('a guard answers instead of its route, and instead of a 405', async (t) => {
  const guardedRoutes: readonly Route<RequestScope>[] = [
    {
      method: 'GET',
      path: '/kept/:name',
      guard: ({ requestId }) => (requestId === 'request-1' ? text('no', 401) : undefined),
      handler: () => text('kept'),
    },
    {
      method: 'POST',
      path: '/open',
      guard: () => undefined,
      handler: () => text('open'),
    },
  ];
  for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
    t.equal((await answer(guardedRoutes, method, 'http://h/kept/x')).response.status, 401, method);
  }
  t.equal(await (await answer(guardedRoutes, 'POST', 'http://h/open')).response.text(), 'open');
  t.equal((await answer(guardedRoutes, 'GET', 'http://h/open')).response.status, 405);
});

t.test('is 400 if the path is not percent-encoded UTF-8', async (t) => {
  for (const path of ['/%', '/%zz', '/things/%ff', '/things/%C3']) {
    const { response, seen } = await answer(routes, 'GET', `http://h${path}`);
    t.equal(response.status, 400, path);
    t.match(seen, { error: { code: 'malformed_request' } });
  }
});

t.test('answers for handlers that throw or reject', async (t) => {
  const failing: readonly Route<RequestScope>[] = [
    {
      method: 'GET',
      path: '/throws',
      handler: () => {
        throw new Error('broken');
      },
    },
    {
      method: 'GET',
      path: '/rejects',
      handler: async () => Promise.reject(new HttpError('body_too_large', 'x')),
    },
  ];
  const thrown = await answer(failing, 'GET', 'http://h/throws');
  t.equal(thrown.response.status, 500);
  t.match(thrown.seen, { route: '/throws', error: new Error('broken') });
  t.equal((await answer(failing, 'GET', 'http://h/rejects')).response.status, 413);
});

t.test('canonicalPath takes the path out of every form of target', async (t) => {
  t.equal(canonicalPath('http://host'), '/');
  t.equal(canonicalPath('http://host?x'), '/');
  t.equal(canonicalPath('http://host/a-b_c~1?x=/y#z'), '/a-b_c~1');
  t.equal(canonicalPath('/a?redirect=http://other/b'), '/a');
  t.equal(canonicalPath('//a///b/'), '/a/b');
  t.equal(canonicalPath('/'), '/');
});
