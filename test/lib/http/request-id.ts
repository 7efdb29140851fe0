import t from 'tap';
import { requestId } from '../../../lib/http/request-id.ts';

const generated = () => 'generated';

t.test('keeps an acceptable identity', async (t) => {
  for (const id of ['a', 'F2-x_y.z~1+/=', 'x'.repeat(200)]) t.equal(requestId(id, generated), id);
});

t.test('generates one instead of an unacceptable identity', async (t) => {
  for (const id of [undefined, '', 'x'.repeat(201), 'a b', 'a\tb', 'é', '"', 'a,b', '<x>']) {
    t.equal(requestId(id, generated), 'generated');
  }
});

t.test('generates a different one each time', async (t) => {
  t.not(requestId(undefined), requestId(undefined));
  t.match(requestId(undefined), /^[0-9a-f-]{36}$/);
});
