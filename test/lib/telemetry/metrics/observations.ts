import t from 'tap';
import { Instruments } from '../../../../lib/telemetry/metrics/instruments.ts';
import { Observations } from '../../../../lib/telemetry/metrics/observations.ts';
import { parseMetrics } from '../../../support/prometheus-text.ts';

const BOUNDS = [0.1, 1, 10] as const;

t.test('a value falls into the first bucket whose bound it does not exceed', async (t) => {
  const observations = new Observations(BOUNDS);
  for (const value of [0, 0.1, 0.2, 1, 5, 10, 11, 1000]) observations.observe(value);
  t.strictSame([...observations.counts], [2, 2, 2, 2]);
  t.equal(observations.count, 8);
  t.equal(observations.sum, 1027.3);
});

t.test('they are written as the library writes its own histograms', async (t) => {
  const [own, read] = [new Instruments(), new Instruments()];
  const description = { name: 'd_seconds', help: 'D.', labels: ['x'] };
  const histogram = own.histogram(description, BOUNDS);
  const series = ['1', '2'].map((x) => new Observations(BOUNDS, { x }));
  read.readHistogram(description, () => series);
  for (const value of [0.05, 0.1, 3, 70]) {
    histogram.observe({ x: '1' }, value);
    series[0]?.observe(value);
    histogram.observe({ x: '2' }, value * 2);
    series[1]?.observe(value * 2);
  }
  const [expected, got] = [parseMetrics(await own.text()), parseMetrics(await read.text())];
  t.same(got.get('d_seconds'), expected.get('d_seconds'));
  t.equal(got.get('d_seconds')?.series.length, 2 * (BOUNDS.length + 3));
});
