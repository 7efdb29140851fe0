/** Requests of the HTTP service. Labels: the routes of the table, known methods, statuses. */
import type { Instruments, Metering } from './instruments.ts';
import { LabelValues, OTHER } from './label-values.ts';

/** Seconds: from an answer out of memory to the time-out of a request. */
const BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** The route of a request that has none: an unknown path, another method, no HTTP at all. */
const UNMATCHED = 'unmatched';

const METHODS: ReadonlySet<unknown> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
]);

const MAX_ROUTES = 100;
/** Statuses that are sent are a few dozen at most. */
const MAX_STATUSES = 50;

interface Series {
  inc(): void;
  observe(seconds: number): void;
}

/** Counts and durations. This is on the way of every request. */
export const httpMetrics: Metering = (instruments: Instruments) => {
  const requests = instruments.counter({
    name: 'http_requests_total',
    help: 'Requests that have ended, by method, route and status.',
    labels: ['method', 'route', 'status'],
  });
  const durations = instruments.histogram(
    {
      name: 'http_request_duration_seconds',
      help: 'From the head of a request to the last byte of its response, by route and status.',
      labels: ['route', 'status'],
    },
    BUCKETS,
  );
  const aborted = instruments.counter({
    name: 'http_requests_aborted_total',
    help: 'Requests whose response was not sent completely; they are among the requests, too.',
  });
  const refused = instruments.counter({
    name: 'http_requests_refused_total',
    help: 'What came on a connection and was no request that could be read, by error code.',
    labels: ['code'],
  });
  const routes = new LabelValues(MAX_ROUTES);
  const statuses = new LabelValues(MAX_STATUSES);
  const codes = new LabelValues(MAX_STATUSES);
  // Resolved once for each combination.
  const known = new Map<string, Series>();
  const resolve = (method: string, route: string, status: string): Series => {
    const counter = requests.labels(method, route, status);
    const histogram = durations.labels(route, status);
    return { inc: () => counter.inc(), observe: (seconds) => histogram.observe(seconds) };
  };
  return {
    'http.request.stop': (_event, { durationMs = 0 }, metadata) => {
      const method = METHODS.has(metadata.method) ? String(metadata.method) : OTHER;
      const route = metadata.route === undefined ? UNMATCHED : routes.of(metadata.route);
      const status = statuses.of(String(metadata.status));
      const key = `${method} ${status} ${route}`;
      let series = known.get(key);
      if (series === undefined) {
        series = resolve(method, route, status);
        known.set(key, series);
      }
      series.inc();
      series.observe(durationMs / 1000);
      if (metadata.aborted === true) aborted.inc();
    },
    'http.request.refused': (_event, _measured, { code }) => refused.inc({ code: codes.of(code) }),
  };
};
