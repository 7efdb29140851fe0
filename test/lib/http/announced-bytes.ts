import t from 'tap';
import { announcedBytes } from '../../../lib/http/announced-bytes.ts';

t.test('a request without a word of it has no body', async (t) => {
  t.equal(announcedBytes({ headers: {} }), 0);
});

t.test('a length is what it says, unless the body comes in chunks', async (t) => {
  t.equal(announcedBytes({ headers: { 'content-length': '0' } }), 0);
  t.equal(announcedBytes({ headers: { 'content-length': '12' } }), 12);
  t.equal(announcedBytes({ headers: { 'transfer-encoding': 'chunked' } }), undefined);
});
