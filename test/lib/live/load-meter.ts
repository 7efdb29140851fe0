import t from 'tap';
import { LoadMeter } from '../../../lib/live/load-meter.ts';

t.test('counts requests and increments from one reading to the next', async (t) => {
  const meter = new LoadMeter();
  meter.record(1, true);
  meter.record(1, false);
  t.match(meter.read(), { requests: 2, increments: 1 });
  t.strictSame(meter.read(), { requests: 0, increments: 0, p50Ms: 0, p99Ms: 0 });
});

t.test('percentiles are right to within five per cent', async (t) => {
  for (const scale of [0.02, 1, 37, 900]) {
    const meter = new LoadMeter();
    for (let i = 1; i <= 1000; i += 1) meter.record((i / 1000) * scale, false);
    const { p50Ms, p99Ms } = meter.read();
    t.ok(Math.abs(p50Ms / (0.5 * scale) - 1) <= 0.05, `p50 of ${scale}: ${p50Ms}`);
    t.ok(Math.abs(p99Ms / (0.99 * scale) - 1) <= 0.05, `p99 of ${scale}: ${p99Ms}`);
  }
});

t.test('one slow request of fifty is seen in the 99th percentile, not in the median', async (t) => {
  const meter = new LoadMeter();
  for (let i = 0; i < 49; i += 1) meter.record(2, false);
  meter.record(500, false);
  const { p50Ms, p99Ms } = meter.read();
  t.ok(p50Ms > 1.9 && p50Ms < 2.2, String(p50Ms));
  t.ok(p99Ms > 475 && p99Ms < 525, String(p99Ms));
});

t.test('durations beyond what it can tell apart count as the edge', async (t) => {
  const meter = new LoadMeter();
  for (const durationMs of [0, 1e-9, 1e9, Number.POSITIVE_INFINITY]) {
    meter.record(durationMs, false);
    const { requests, p50Ms } = meter.read();
    t.equal(requests, 1);
    t.ok(p50Ms > 0 && p50Ms < 100_000, `${durationMs}: ${p50Ms}`);
  }
});
