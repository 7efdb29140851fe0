import t from 'tap';
import { primaryUrl, RoutesError } from '../../lib/platform-routes.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

/** What the platform gives: the primary route, one that redirects to it, one beside it. */
const ROUTES = {
  'http://main-abc.eu-5.platformsh.site/': {
    ...{ primary: null, id: null, type: 'redirect', to: 'https://main-abc.eu-5.platformsh.site/' },
    ...{ original_url: 'http://{default}/', attributes: {} },
  },
  'https://api.example.org/': {
    ...{ primary: false, id: null, type: 'upstream', upstream: 'other', attributes: {} },
  },
  'https://main-abc.eu-5.platformsh.site/': {
    ...{ primary: true, id: null, type: 'upstream', upstream: 'hello_distributed' },
    ...{ original_url: 'https://{default}/', attributes: {} },
  },
};

t.test('is the address of the primary route', async (t) => {
  t.equal(primaryUrl(encode(ROUTES)), 'https://main-abc.eu-5.platformsh.site');
  t.equal(
    primaryUrl(encode({ 'https://a.example/app/': { primary: true, type: 'upstream' } })),
    'https://a.example/app',
  );
});

t.test('is the first that leads to an application when none is primary', async (t) => {
  const routes = {
    'https://www.example.org/': { primary: null, type: 'redirect' },
    'https://example.org/': { type: 'upstream' },
    'https://more.example.org/': { type: 'upstream' },
  };
  t.equal(primaryUrl(encode(routes)), 'https://example.org');
  t.equal(primaryUrl(encode({})), undefined);
  t.equal(primaryUrl(encode({ 'https://a.example/': { type: 'redirect' } })), undefined);
});

t.test('says what it expected, and nothing of what it got', async (t) => {
  for (const text of [
    ...['', '%%%', 'hush', Buffer.from('{').toString('base64'), JSON.stringify(ROUTES)],
    ...[null, [], 'hush', 1, { hush: { type: 'upstream' } }, { 'ftp://h/': { type: 'x' } }].map(
      encode,
    ),
    ...[{ 'https://h/': {} }, { 'https://h/': null }, { 'https://h/': { type: 1 } }].map(encode),
    encode({ 'https://h/': { type: 'upstream', primary: 'yes' } }),
  ]) {
    t.throws(() => primaryUrl(text), {
      name: 'RoutesError',
      message: /^expected base64 of a JSON/,
    });
    try {
      primaryUrl(text);
    } catch (error) {
      if (!(error instanceof RoutesError)) throw error;
      t.notMatch(error.message, 'hush');
    }
  }
});
