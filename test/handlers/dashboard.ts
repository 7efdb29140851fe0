import t from 'tap';
import { dashboard, dashboardFile } from '../../handlers/dashboard.ts';
import { toResponse } from '../../lib/http/messages.ts';
import { fakeContext } from '../support/handler-context.ts';

const request = new Request('http://localhost/dashboard');

/** A context of a request with one header. */
const withHeader = (name: string, value: string) =>
  fakeContext({ header: (asked) => (asked === name ? value : undefined) });

const file = (version: string, name: string, context = fakeContext()) =>
  toResponse(dashboardFile(request, context, { version, file: name }));

t.test('the page may run nothing but our own files, and be in no frame', async (t) => {
  const response = toResponse(dashboard(request, fakeContext()));
  t.equal(response.status, 200);
  t.equal(await response.text(), 'page');
  t.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
  const policy = response.headers.get('content-security-policy') ?? '';
  t.strictSame(policy.split('; ').sort(), [
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "img-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
  ]);
  t.equal(response.headers.get('x-content-type-options'), 'nosniff');
  t.equal(response.headers.get('referrer-policy'), 'no-referrer');
});

t.test('the page is asked for each time, and sent if it is another', async (t) => {
  t.equal(
    toResponse(dashboard(request, fakeContext())).headers.get('cache-control'),
    'private, no-cache',
  );
  for (const known of ['"page"', 'W/"page"', '"old", "page"', '*']) {
    const response = toResponse(dashboard(request, withHeader('if-none-match', known)));
    t.equal(response.status, 304, known);
    t.equal(response.headers.get('etag'), '"page"');
    t.equal(await response.text(), '');
  }
  t.equal(toResponse(dashboard(request, withHeader('if-none-match', '"old"'))).status, 200);
});

t.test('a file of this version may be kept for ever, any other must not be', async (t) => {
  const ours = file('v1', 'main.js');
  t.equal(await ours.text(), 'main');
  t.equal(ours.headers.get('content-type'), 'text/javascript');
  t.equal(ours.headers.get('cache-control'), 'private, max-age=31536000, immutable');
  t.equal(ours.headers.get('x-content-type-options'), 'nosniff');
  const other = file('v2', 'main.js');
  t.equal(await other.text(), 'main', 'a page of another version gets what there is');
  t.equal(other.headers.get('cache-control'), 'private, no-cache');
  t.equal(file('v1', 'main.js', withHeader('if-none-match', '"main"')).status, 304);
});

t.test('there are no other files', async (t) => {
  for (const name of ['index.html', 'other.js', '../assets.ts', '..', '', 'constructor']) {
    t.equal(file('v1', name).status, 404, name);
  }
});
