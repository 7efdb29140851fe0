import t from 'tap';
import { authority, HttpError, ListenError } from '../../../lib/http/errors.ts';

t.test('an HttpError has a code, and headers and a cause where there are any', async (t) => {
  const cause = new Error('why');
  const error = new HttpError('not_found', 'no route', { headers: { allow: 'GET' }, cause });
  t.match(error, { name: 'HttpError', code: 'not_found', headers: { allow: 'GET' }, cause });
  t.notOk('cause' in new HttpError('not_found', 'no route'));
});

t.test('a ListenError names address and remedy', async (t) => {
  for (const [systemCode, code, text] of [
    ['EADDRINUSE', 'address_in_use', /127\.0\.0\.1:80: another program .* choose another port/],
    ['EADDRNOTAVAIL', 'address_not_available', /choose another host/],
    ['ENOTFOUND', 'address_not_available', /choose another host/],
    ['EACCES', 'permission_denied', /above 1023/],
    ['EWHATEVER', 'failed', /: no idea$/],
  ] as const) {
    const cause = Object.assign(new Error('no idea'), { code: systemCode });
    t.match(new ListenError('127.0.0.1', 80, cause), {
      name: 'ListenError',
      code,
      message: text,
      cause,
    });
  }
});

t.test('authority writes IPv6 addresses in brackets', async (t) => {
  t.equal(authority('::1', 80), '[::1]:80');
  t.equal(authority('localhost', 80), 'localhost:80');
});
