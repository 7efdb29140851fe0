import t from 'tap';
import { RequestIds, requestId } from '../../../lib/http/request-id.ts';

const generated = () => 'generated';

t.test('keeps an acceptable identity', async (t) => {
  for (const id of ['a', 'F2-x_y.z~1+/=', 'x'.repeat(200)]) t.equal(requestId(id, generated), id);
});

t.test('generates one instead of an unacceptable identity', async (t) => {
  for (const id of [undefined, '', 'x'.repeat(201), 'a b', 'a\tb', 'é', '"', 'a,b', '<x>']) {
    t.equal(requestId(id, generated), 'generated');
  }
});

t.test('what is made is a random UUID, another one each time', async (t) => {
  const ids = new RequestIds();
  const made = Array.from({ length: 1000 }, () => ids.next());
  t.equal(new Set(made).size, 1000);
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  t.strictSame(
    made.filter((id) => !uuid.test(id)),
    [],
  );
  for (let at = 0; at < 36; at += 1) {
    const digits = new Set(made.map((id) => id[at]));
    const expected = at === 14 ? 1 : [8, 13, 18, 23].includes(at) ? 1 : at === 19 ? 4 : 16;
    t.equal(digits.size, expected, `place ${at}`);
  }
});
