import t from 'tap';
import { LabelValues, OTHER } from '../../../../lib/telemetry/metrics/label-values.ts';

t.test('the first values are taken as they are, all others are one', async (t) => {
  const values = new LabelValues(2);
  t.equal(values.of('a'), 'a');
  t.equal(values.of('b'), 'b');
  t.equal(values.of('c'), OTHER);
  t.equal(values.of('a'), 'a', 'a value that is known stays');
});

t.test('what is no text is none of its own', async (t) => {
  const values = new LabelValues(2);
  for (const value of [undefined, null, 7, {}, Symbol('x')]) t.equal(values.of(value), OTHER);
  t.equal(values.of('a'), 'a');
});
