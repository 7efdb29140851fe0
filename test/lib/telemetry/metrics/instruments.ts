import t from 'tap';
import { Instruments, type Sample } from '../../../../lib/telemetry/metrics/instruments.ts';
import { parseMetrics, seriesValue } from '../../../support/prometheus-text.ts';

async function read(instruments: Instruments) {
  return parseMetrics(await instruments.text());
}

t.test('counters, gauges and histograms have the values that events give them', async (t) => {
  const instruments = new Instruments();
  const counter = instruments.counter({ name: 'a_total', help: 'A.', labels: ['x'] });
  counter.inc({ x: '1' });
  counter.inc({ x: '1' }, 2);
  instruments.gauge({ name: 'b', help: 'B.' }).set(4);
  const histogram = instruments.histogram({ name: 'c_seconds', help: 'C.' }, [0.1, 1]);
  for (const seconds of [0.05, 0.5, 5]) histogram.observe(seconds);
  const families = await read(instruments);
  t.equal(seriesValue(families, 'a_total', { x: '1' }), 3);
  t.equal(seriesValue(families, 'b'), 4);
  t.equal(seriesValue(families, 'c_seconds_bucket', { le: '0.1' }), 1);
  t.equal(seriesValue(families, 'c_seconds_bucket', { le: '1' }), 2);
  t.equal(seriesValue(families, 'c_seconds_bucket', { le: '+Inf' }), 3);
  t.equal(seriesValue(families, 'c_seconds_count'), 3);
  t.equal(seriesValue(families, 'c_seconds_sum'), 5.55);
});

t.test('what is read is read at each time, and its series end with it', async (t) => {
  const instruments = new Instruments();
  let samples: readonly Sample[] = [[{ x: 'a' }, 1]];
  let reads = 0;
  instruments.readGauge({ name: 'g', help: 'G.', labels: ['x'] }, () => {
    reads += 1;
    return samples;
  });
  instruments.readCounter({ name: 'c_total', help: 'C.', labels: ['x'] }, () => samples);
  t.equal(reads, 0, 'nobody has asked');
  t.equal(seriesValue(await read(instruments), 'c_total', { x: 'a' }), 1);
  samples = [[{ x: 'b' }, 5]];
  const families = await read(instruments);
  t.equal(reads, 2);
  for (const name of ['g', 'c_total']) {
    t.equal(seriesValue(families, name, { x: 'a' }), undefined);
    t.equal(seriesValue(families, name, { x: 'b' }), 5);
  }
});
