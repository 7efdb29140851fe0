import t from 'tap';
import { setUpMetrics } from '../../../support/metrics-under-test.ts';
import { seriesValue } from '../../../support/prometheus-text.ts';

const FIGURES = {
  memoryUsage: Object.assign(
    () => ({ rss: 1, heapTotal: 2, heapUsed: 3, external: 4, arrayBuffers: 5 }),
    { rss: () => 1 },
  ),
  cpuUsage: () => ({ user: 1_500_000, system: 500_000 }),
  uptime: () => 100,
  version: 'v20.1.2',
  now: () => 1_000_000,
};

t.test('memory, processor time and start are in base units', async (t) => {
  const families = await setUpMetrics({ process: FIGURES }).read();
  const value = (name: string, labels = {}) => seriesValue(families, name, labels);
  t.equal(value('process_resident_memory_bytes'), 1);
  t.equal(value('nodejs_heap_size_total_bytes'), 2);
  t.equal(value('nodejs_heap_size_used_bytes'), 3);
  t.equal(value('nodejs_external_memory_bytes'), 4);
  t.equal(value('process_cpu_seconds_total'), 2);
  t.equal(value('process_cpu_user_seconds_total'), 1.5);
  t.equal(value('process_cpu_system_seconds_total'), 0.5);
  t.equal(value('process_start_time_seconds'), 900);
  t.equal(value('nodejs_version_info', { version: 'v20.1.2' }), 1);
});

t.test('memory that cannot be read, as without a free descriptor, is left out', async (t) => {
  const unreadable = (): never => {
    throw new Error('EMFILE: too many open files, uv_resident_set_memory');
  };
  const memoryUsage = Object.assign(unreadable, { rss: unreadable });
  const families = await setUpMetrics({ process: { ...FIGURES, memoryUsage } }).read();
  t.equal(seriesValue(families, 'process_resident_memory_bytes'), undefined, 'and not 0');
  t.equal(seriesValue(families, 'process_cpu_seconds_total'), 2);
});

t.test('the delay of the event loop comes with its event', async (t) => {
  const { telemetry, read } = setUpMetrics();
  telemetry.execute('vm.event_loop_delay', { meanMs: 1, p50Ms: 2, p99Ms: 30, maxMs: 400 });
  const families = await read();
  for (const [which, seconds] of [
    ['mean', 0.001],
    ['p50', 0.002],
    ['p99', 0.03],
    ['max', 0.4],
  ] as const) {
    t.equal(seriesValue(families, `nodejs_eventloop_lag_${which}_seconds`), seconds);
  }
});

t.test('this very process is measured where nothing else is said', async (t) => {
  const families = await setUpMetrics().read();
  t.ok((seriesValue(families, 'process_resident_memory_bytes') ?? 0) > 1e6);
  t.ok((seriesValue(families, 'process_cpu_seconds_total') ?? 0) > 0);
  const startedAt = seriesValue(families, 'process_start_time_seconds') ?? 0;
  t.ok(Math.abs(startedAt - (Date.now() / 1000 - process.uptime())) < 5);
});
