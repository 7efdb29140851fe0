/** Requests of the HTTP service. Labels: the routes of the table, known methods, statuses. */
import type { Instruments, Metering } from './instruments.ts';
import { LabelValues, OTHER } from './label-values.ts';
import { Observations } from './observations.ts';

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

/** All requests of one route and status. */
interface Series {
  readonly durations: Observations;
  readonly byMethod: Map<unknown, { count: number }>;
}

/** Counts and durations. This is on the way of every request. */
export const httpMetrics: Metering = (instruments: Instruments) => {
  /** by the labels of route and status */
  const known = new Map<string, Map<string, Series>>();
  /** the same by what events say: a route that needs no other label, and a status as the index */
  const shortcuts = new Map<unknown, (Series | undefined)[]>();
  function* all(): Generator<Series> {
    for (const statuses of known.values()) yield* statuses.values();
  }
  instruments.readCounter(
    {
      name: 'http_requests_total',
      help: 'Requests that have ended, by method, route and status.',
      labels: ['method', 'route', 'status'],
    },
    function* () {
      for (const { durations, byMethod } of all()) {
        for (const [method, { count }] of byMethod) {
          yield [{ method: String(method), ...durations.labels }, count];
        }
      }
    },
  );
  instruments.readHistogram(
    {
      name: 'http_request_duration_seconds',
      help: 'From the head of a request to the last byte of its response, by route and status.',
      labels: ['route', 'status'],
    },
    function* () {
      for (const { durations } of all()) yield durations;
    },
  );
  const abortions = instruments.counter({
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
  const seriesOf = (route: string, status: string): Series => {
    let ofRoute = known.get(route);
    if (ofRoute === undefined) {
      ofRoute = new Map();
      known.set(route, ofRoute);
    }
    let series = ofRoute.get(status);
    if (series === undefined) {
      const durations = new Observations(BUCKETS, { route, status });
      series = { durations, byMethod: new Map() };
      ofRoute.set(status, series);
    }
    return series;
  };
  const find = (route: unknown, status: unknown): Series => {
    const shortcut = typeof status === 'number' ? shortcuts.get(route)?.[status] : undefined;
    if (shortcut !== undefined) return shortcut;
    const routeLabel = route === undefined ? UNMATCHED : routes.of(route);
    const statusLabel = statuses.of(String(status));
    const series = seriesOf(routeLabel, statusLabel);
    if ((route === undefined || route === routeLabel) && String(status) === statusLabel) {
      const ofRoute = shortcuts.get(route) ?? [];
      shortcuts.set(route, ofRoute);
      if (typeof status === 'number') ofRoute[status] = series;
    }
    return series;
  };
  const countOf = ({ byMethod }: Series, method: unknown): { count: number } => {
    const label = METHODS.has(method) ? method : OTHER;
    const count = byMethod.get(label) ?? { count: 0 };
    byMethod.set(label, count);
    return count;
  };
  return {
    'http.request.stop': (_event, { durationMs = 0 }, { method, route, status, aborted }) => {
      const series = find(route, status);
      const count = series.byMethod.get(method) ?? countOf(series, method);
      count.count += 1;
      series.durations.observe(durationMs / 1000);
      if (aborted === true) abortions.inc();
    },
    'http.request.refused': (_event, _measured, { code }) => refused.inc({ code: codes.of(code) }),
  };
};
