import t from 'tap';
import { setUpMetrics } from '../../../support/metrics-under-test.ts';
import { seriesValue } from '../../../support/prometheus-text.ts';

t.test(
  'requests are counted by method, route and status, and timed by route and status',
  async (t) => {
    const { telemetry, read } = setUpMetrics();
    const request = (method: string, route: string, status: number, durationMs: number) =>
      telemetry.execute('http.request.stop', { durationMs }, { method, route, status, path: '/p' });
    request('GET', '/counter', 200, 2);
    request('HEAD', '/counter', 200, 30);
    request('GET', '/counter', 503, 5_000);
    const families = await read();
    const count = (method: string, route: string, status: string) =>
      seriesValue(families, 'http_requests_total', { method, route, status });
    t.equal(count('GET', '/counter', '200'), 1);
    t.equal(count('HEAD', '/counter', '200'), 1);
    t.equal(count('GET', '/counter', '503'), 1);
    const duration = (part: string, status: string, le?: string) =>
      seriesValue(families, `http_request_duration_seconds_${part}`, {
        ...{ route: '/counter', status },
        ...(le === undefined ? {} : { le }),
      });
    t.equal(duration('count', '200'), 2);
    t.equal(duration('sum', '200'), 0.032);
    t.equal(duration('bucket', '200', '0.0025'), 1);
    t.equal(duration('bucket', '200', '0.05'), 2);
    t.equal(duration('sum', '503'), 5);
  },
);

t.test('unknown paths share one label, and so do unknown methods', async (t) => {
  const { telemetry, read } = setUpMetrics();
  for (let at = 0; at < 1_000; at += 1) {
    const method = `METHOD${at}`;
    telemetry.execute('http.request.stop', {}, { method, path: `/${at}`, status: 404 });
  }
  const families = await read();
  t.strictSame(families.get('http_requests_total')?.series, [
    {
      name: 'http_requests_total',
      labels: { method: 'other', route: 'unmatched', status: '404' },
      value: 1_000,
    },
  ]);
});

t.test('however many routes, statuses and codes come, the series stay few', async (t) => {
  const { telemetry, read } = setUpMetrics();
  for (let at = 0; at < 10_000; at += 1) {
    const route = `/${at}`;
    telemetry.execute('http.request.stop', {}, { method: 'GET', route, status: at });
    telemetry.execute('http.request.refused', {}, { code: `code${at}` });
  }
  const families = await read();
  t.ok((families.get('http_requests_total')?.series.length ?? Infinity) <= 101 * 51);
  t.equal(families.get('http_requests_refused_total')?.series.length, 51);
});

t.test('responses that broke off are counted too', async (t) => {
  const { telemetry, read } = setUpMetrics();
  const request = { method: 'GET', route: '/', status: 200 };
  telemetry.execute('http.request.stop', { durationMs: 1 }, { ...request, aborted: false });
  telemetry.execute('http.request.stop', { durationMs: 1 }, { ...request, aborted: true });
  t.equal(seriesValue(await read(), 'http_requests_aborted_total'), 1);
});
