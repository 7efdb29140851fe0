import t from 'tap';
import { digest, digestsEqual } from '../../../../../lib/distribution/wire/handshake/challenge.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

t.test('makes the digests that OTP makes', async (t) => {
  t.equal(hex(digest('secret', 4294967295)), '5dfd181e69aa587cc812eb333e6536b6');
  t.equal(hex(digest('secret', 3063469442)), 'f7cdf0e0e6cc3aeb1e7898311d8aa0da');
  t.equal(hex(digest('secret', 1)), 'e52d98c459819a11775936d8dfbb7929');
});

t.test('takes the cookie as Latin-1', async (t) => {
  // erl: erlang:md5([<<228,246,252>>, "0"])
  t.equal(hex(digest('äöü', 0)), 'fa080505732ae5207d05346bba07c52c');
});

t.test('compares digests by all their bytes', async (t) => {
  const right = digest('secret', 1);
  t.ok(digestsEqual(right, digest('secret', 1)));
  for (let i = 0; i < right.length; i += 1) {
    const wrong = Uint8Array.from(right);
    wrong[i]! ^= 1;
    t.notOk(digestsEqual(right, wrong), `byte ${i}`);
  }
  t.notOk(digestsEqual(right, right.subarray(1)));
  t.notOk(digestsEqual(new Uint8Array(0), new Uint8Array(0)));
});
