import t from 'tap';
import { guarded } from '../../handlers/access-guard.ts';
import type { AccessPolicy, Credentials, HandlerContext } from '../../handlers/context.ts';
import { createContext, errorResponses } from '../../handlers/index.ts';
import { json } from '../../handlers/responses.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { createRouter, type Route } from '../../lib/http/router.ts';
import { fakeContext } from '../support/handler-context.ts';
import { fakeScope } from '../support/request-scope.ts';

const routes: readonly Route<HandlerContext>[] = [
  guarded({ method: 'GET', path: '/secret', handler: () => json({ secret: true }) }),
];
const CREDENTIALS = { user: 'operator', password: 'pass:wörd' };

interface Client {
  readonly credentials?: Credentials | undefined;
  readonly trusted?: AccessPolicy['isTrusted'];
  readonly authorization?: string;
  readonly method?: string;
  readonly path?: string;
}

async function answer(client: Client): Promise<Response> {
  const { credentials, trusted = () => false, authorization, method = 'GET' } = client;
  const services = fakeContext({ access: { isTrusted: trusted, credentials } });
  const router = createRouter({
    routes,
    errors: errorResponses,
    createContext: (scope) => createContext(services, scope),
  });
  const scope = fakeScope({
    remoteAddress: '192.0.2.1',
    header: (name) => (name === 'authorization' ? authorization : undefined),
  });
  const request = new Request(`http://localhost${client.path ?? '/secret'}`, { method });
  return toResponse(await router(request, scope));
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

t.test('the right credentials open it, in UTF-8, with any case of the scheme', async (t) => {
  const right = basic('operator:pass:wörd');
  for (const authorization of [right, right.replace('Basic', 'bASIC'), right.replace(' ', '   ')]) {
    const response = await answer({ credentials: CREDENTIALS, authorization });
    t.equal(response.status, 200, authorization);
    t.strictSame(await response.json(), { secret: true });
  }
});

t.test('none, or wrong ones, are 401 with a challenge', async (t) => {
  for (const authorization of [
    undefined,
    '',
    'Basic',
    'Basic ',
    'Basic !!!!',
    `${basic('operator:pass:wörd')} x`,
    basic(''),
    basic('operator'),
    basic('operator:'),
    basic('operator:pass:wörd '),
    basic('Operator:pass:wörd'),
    basic('operator:pass'),
    basic('x'.repeat(10_000)),
    `Basic ${Buffer.from('operator:pass:wörd', 'latin1').toString('base64')}`,
    basic('operator:pass:wörd').replace('Basic', 'Bearer'),
  ]) {
    const response = await answer({
      credentials: CREDENTIALS,
      ...(authorization === undefined ? {} : { authorization }),
    });
    t.equal(response.status, 401, authorization ?? 'none');
    t.equal(
      response.headers.get('www-authenticate'),
      'Basic realm="Hello Distributed", charset="UTF-8"',
    );
    t.strictSame(await response.json(), { errors: { detail: 'Unauthorized' } });
  }
});

t.test('without credentials configured it is as if there were no such path', async (t) => {
  for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE']) {
    const closed = await answer({ method, authorization: basic('a:b') });
    const unknown = await answer({ method, path: '/unknown' });
    t.equal(closed.status, 404, method);
    t.strictSame([...closed.headers], [...unknown.headers]);
    t.equal(await closed.text(), await unknown.text());
  }
});

t.test('every method needs the credentials; with them, another one is 405', async (t) => {
  const wrong = await answer({ credentials: CREDENTIALS, method: 'POST' });
  t.equal(wrong.status, 401);
  const authorization = basic('operator:pass:wörd');
  const right = await answer({ credentials: CREDENTIALS, authorization, method: 'POST' });
  t.equal(right.status, 405);
  t.equal(right.headers.get('allow'), 'GET, HEAD');
});

t.test('a trusted client needs none, judged by the address of its connection', async (t) => {
  const seen: unknown[] = [];
  const trusted = (address: string | undefined) => {
    seen.push(address);
    return true;
  };
  for (const credentials of [undefined, CREDENTIALS]) {
    t.equal((await answer({ credentials, trusted })).status, 200);
  }
  t.strictSame(seen, ['192.0.2.1', '192.0.2.1']);
});
