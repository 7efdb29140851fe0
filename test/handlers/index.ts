import t from 'tap';
import { createContext, errorResponses, routes } from '../../handlers/index.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { createRouter } from '../../lib/http/router.ts';
import { fakeContext } from '../support/handler-context.ts';
import { fakeScope } from '../support/request-scope.ts';

const services = fakeContext();
const router = createRouter({
  routes,
  errors: errorResponses,
  createContext: (scope) => createContext(services, scope),
});

async function answer(method: string, path: string): Promise<Response> {
  return toResponse(await router(new Request(`http://localhost${path}`, { method }), fakeScope()));
}

t.test('every documented path answers its method', async (t) => {
  for (const [method, path] of [
    ['GET', '/'],
    ['HEAD', '/'],
    ['GET', '/counter'],
    ['POST', '/counter/increment'],
    ['GET', '/nodes'],
    ['GET', '/events'],
    ['GET', '/dashboard'],
    ['GET', '/dashboard/v1/main.js'],
    ['GET', '/health'],
    ['GET', '/ready'],
    ['GET', '/metrics'],
  ] as const) {
    t.equal((await answer(method, path)).status, 200, `${method} ${path}`);
  }
});

t.test('what is for operators is unknown to strangers, and open with credentials', async (t) => {
  const access = { isTrusted: () => false, credentials: undefined };
  const credentials = { user: 'operator', password: 'a long password' };
  const routerFor = (policy: typeof services.access) =>
    createRouter({
      routes,
      errors: errorResponses,
      createContext: (scope) => createContext({ ...services, access: policy }, scope),
    });
  for (const path of ['/events', '/dashboard', '/dashboard/v1/main.js', '/metrics']) {
    const request = new Request(`http://localhost${path}`);
    const ask = async (policy: typeof services.access, authorization?: string) => {
      const header = (name: string) => (name === 'authorization' ? authorization : undefined);
      return toResponse(await routerFor(policy)(request, fakeScope({ header }))).status;
    };
    t.equal(await ask(access), 404, path);
    t.equal(await ask({ ...access, credentials }), 401, path);
    t.equal(
      await ask({ ...access, credentials }, `Basic ${btoa('operator:a long password')}`),
      200,
      path,
    );
  }
});

t.test('every other method is 405 with the ones there are', async (t) => {
  for (const [path, allowed, others] of [
    ['/', 'GET, HEAD', ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']],
    ['/counter', 'GET, HEAD', ['POST', 'DELETE']],
    ['/counter/increment', 'POST', ['GET', 'HEAD', 'PUT']],
    ['/nodes', 'GET, HEAD', ['POST']],
    ['/health', 'GET, HEAD', ['POST']],
    ['/ready', 'GET, HEAD', ['POST']],
    ['/metrics', 'GET, HEAD', ['POST']],
  ] as const) {
    for (const method of others) {
      const response = await answer(method, path);
      t.equal(response.status, 405, `${method} ${path}`);
      t.equal(response.headers.get('allow'), allowed);
      t.strictSame(await response.json(), { errors: { detail: 'Method Not Allowed' } });
    }
  }
});

t.test('every other path is 404', async (t) => {
  for (const path of ['/count', '/counter/', '/Counter', '/counter/increment/x', '/api']) {
    const response = await answer('GET', path);
    if (path === '/counter/') t.equal(response.status, 200, 'a trailing slash makes no difference');
    else {
      t.equal(response.status, 404, path);
      t.strictSame(await response.json(), { errors: { detail: 'Not Found' } });
    }
  }
});
