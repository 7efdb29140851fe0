/** The metrics of a node whose figures a test chooses. */
import { Metrics, type MetricsOptions } from '../../lib/telemetry/metrics.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { type Family, parseMetrics } from './prometheus-text.ts';

export interface MetricsUnderTest {
  readonly telemetry: Telemetry;
  readonly metrics: Metrics;
  /** scrapes, and reads what came */
  read(): Promise<ReadonlyMap<string, Family>>;
}

export function setUpMetrics(options: Partial<MetricsOptions> = {}): MetricsUnderTest {
  const { telemetry = new Telemetry() } = options;
  const metrics = new Metrics({
    telemetry,
    node: {
      name: 'a@h',
      version: '1.2.3',
      clusterNodes: () => 1,
      connections: () => [],
      processes: () => 0,
      mailboxes: () => ({ messages: 0, longest: 0 }),
    },
    counter: { read: () => ({ value: 0, isOwner: false }), isName: () => false },
    pubsub: () => ({ published: 0, received: 0, delivered: 0 }),
    ...options,
  });
  return { telemetry, metrics, read: async () => parseMetrics(await metrics.text()) };
}
