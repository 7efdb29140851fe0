import t from 'tap';
import { ENDPOINTS } from '../../../lib/check/endpoints.ts';
import { Visitor } from '../../../lib/check/visitor.ts';
import { body, FakeDeployment, type Lie, text } from '../../support/fake-deployment.ts';

/** What each check says: its detail, or `FAIL` and the message. */
async function run(
  lie: Lie,
  url = 'https://example.org',
  authorization?: string,
): Promise<Map<string, string>> {
  const deployment = new FakeDeployment();
  deployment.lie = lie;
  const visitor = new Visitor({ url, timeoutMs: 1_000, authorization, fetch: deployment.fetch });
  const said = new Map<string, string>();
  for (const check of ENDPOINTS) {
    said.set(
      check.title,
      await check.run(visitor).catch((error: Error) => `FAIL ${error.message}`),
    );
  }
  return said;
}

/** Lies about one request alone. */
function about(request: string, answer: (honest: Response) => Response): Lie {
  return ({ method, url }, honest) =>
    `${method} ${new URL(url).pathname}` === request ? answer(honest) : undefined;
}

t.test('a deployment as it must be passes', async (t) => {
  const said = [...(await run(() => undefined)).values()];
  t.strictSame(
    said.filter((line) => line.startsWith('FAIL')),
    [],
  );
  t.match(said, ['from a@h']);
});

t.test(
  'whether strangers are kept out is tried without the credentials that all else has',
  async (t) => {
    const seen = new Map<string, string | null>();
    await run(
      ({ url, headers }) => {
        seen.set(new URL(url).pathname, headers.get('authorization'));
        return undefined;
      },
      undefined,
      'Basic eDp5',
    );
    for (const path of ['/', '/counter', '/nodes']) t.equal(seen.get(path), 'Basic eDp5', path);
    for (const path of ['/metrics', '/dashboard']) t.equal(seen.get(path), null, path);
  },
);

t.test('whatever is not as it must be is found, by the check about it alone', async (t) => {
  const without = (name: string) => (honest: Response) => {
    const headers = new Headers(honest.headers);
    headers.delete(name);
    return new Response(honest.body, { status: honest.status, headers });
  };
  const cases: [title: RegExp, Lie][] = [
    [
      /^GET \/ says hello/,
      ({ url, headers }) =>
        new URL(url).pathname === '/' && !headers.has('x-request-id')
          ? body({ message: 'x', node: 'a', timestamp: 'now' })
          : undefined,
    ],
    [
      /keeps its id/,
      ({ headers }, { body: sent }) =>
        headers.has('x-request-id') ? body({ sent: String(sent) }) : undefined,
    ],
    [/\/health and/, about('GET /health', () => body({ status: 'ok', node: 'a' }))],
    [/\/health and/, about('GET /ready', () => body({ status: 'unavailable' }, 503))],
    [/GET \/counter tells/, about('GET /counter', () => text('{"count":-1,"node":"a"}'))],
    [
      /GET \/nodes/,
      about('GET /nodes', () =>
        body({ current_node: 'a', connected_nodes: ['b'], all_nodes: ['a', 'b'], total_nodes: 3 }),
      ),
    ],
    [/HEAD/, about('HEAD /counter', () => text('body'))],
    [/refused/, about('DELETE /counter', without('allow'))],
    [/refused/, about('POST /counter/increment', () => text('{}'))],
    [/operators/, about('GET /metrics', () => text('open'))],
    [/operators/, about('GET /dashboard', () => body({}, 401))],
  ];
  for (const [title, lie] of cases) {
    const failed = [...(await run(lie))].filter(([, line]) => line.startsWith('FAIL'));
    t.equal(failed.length, 1, `${title}: ${failed}`);
    t.match(failed[0]?.[0], title);
  }
});

t.test('on this machine the pages for operators may be open', async (t) => {
  const open = about('GET /metrics', () => text('open'));
  for (const url of ['http://127.0.0.1:4000', 'http://localhost', 'http://[::1]:1']) {
    const said = [...(await run(open, url)).values()];
    t.match(said.at(-1), '/metrics 200', url);
  }
});
