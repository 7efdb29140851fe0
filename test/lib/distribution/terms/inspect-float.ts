import t from 'tap';
import { inspectFloat } from '../../../../lib/distribution/terms/inspect-float.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

/** What `float_to_list(F, [short])` of OTP 25.2.3 prints. */
const PRINTED = [
  ...['1.0', '-1.0', '0.0', '-0.0', '0.1', '100.0', '1.0e3', '1.0e4', '1.0e5', '123456.0'],
  ...['1234567.0', '1.0e15', '1.0e16', '1.0e17', '9007199254740991.0', '9.007199254740992e15'],
  ...['1.0e22', '0.01', '0.001', '1.0e-5', '1.2345e-7', '5.0e-324', '1.7976931348623157e308'],
  ...['123.456', '1.5e300', '12345678.9'],
];

t.test('prints floats as OTP does', async (t) => {
  for (const text of PRINTED) t.equal(inspectFloat(Number(text)), text);
});

t.test('every text reads back as the same float, and shows that it is one', async (t) => {
  const random = seededRandom(1);
  const view = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < 2_000; i += 1) {
    for (let at = 0; at < 8; at += 1) view.setUint8(at, random.below(256));
    const value = view.getFloat64(0);
    if (!Number.isFinite(value)) continue;
    const text = inspectFloat(value);
    if (!Object.is(Number(text), value) || !/^-?\d+\.\d/.test(text)) t.fail(`${value}: ${text}`);
  }
});

t.test('what no Erlang float can be is shown as such', async (t) => {
  t.equal(inspectFloat(Number.NaN), '<NaN>');
  t.equal(inspectFloat(Number.NEGATIVE_INFINITY), '<-Infinity>');
});
