import t from 'tap';
import { idempotencyKey as read } from '../../handlers/idempotency-key.ts';

t.test('a key is what it says, in quotes or without', async (t) => {
  const uuid = '8e03978e-40d5-43e8-bc93-6894a57f9324';
  t.strictSame(read(uuid), { type: 'key', key: uuid });
  t.strictSame(read(`"${uuid}"`), { type: 'key', key: uuid });
  t.strictSame(read('"a\\"b\\\\c"'), { type: 'key', key: 'a"b\\c' });
  t.strictSame(read('x'.repeat(255)), { type: 'key', key: 'x'.repeat(255) });
  t.strictSame(read('"'), { type: 'key', key: '"' }, 'half a string is a key as it stands');
});

t.test('no header is no key', async (t) => {
  t.strictSame(read(undefined), { type: 'none' });
});

t.test('anything else is invalid', async (t) => {
  for (const value of ['', '""', 'x'.repeat(256), 'a b', '"a b"', 'ä', 'a, b', '\u00a0']) {
    t.strictSame(read(value), { type: 'invalid' }, JSON.stringify(value));
  }
});
