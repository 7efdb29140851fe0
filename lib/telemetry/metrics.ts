/**
 * The metrics of one node in the text format of Prometheus: what telemetry events tell, counted, and what
 * is there to be read when somebody asks.
 *
 * Cardinality is bounded: each label has values of a closed set, or so many at most (`label-values.ts`),
 * or those of the connections that are up.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */
import { callMetrics } from './metrics/calls.ts';
import { type CounterMetricsOptions, counterMetrics } from './metrics/counter.ts';
import { httpMetrics } from './metrics/http.ts';
import { Instruments, type Metering } from './metrics/instruments.ts';
import { type NodeFigures, nodeMetrics } from './metrics/node.ts';
import { type ProcessFigures, processMetrics } from './metrics/process.ts';
import { type PubSubFigures, pubsubMetrics } from './metrics/pubsub.ts';
import { supervisionMetrics } from './metrics/supervision.ts';
import type { Telemetry } from './telemetry.ts';

export interface MetricsOptions {
  readonly telemetry: Telemetry;
  readonly node: NodeFigures;
  readonly counter: CounterMetricsOptions;
  readonly pubsub: () => PubSubFigures;
  readonly process?: ProcessFigures;
}

export class Metrics {
  readonly #telemetry: Telemetry;
  readonly #instruments = new Instruments();
  readonly #attached: string[] = [];

  /** Listens from now on, until {@link stop}. */
  constructor(options: MetricsOptions) {
    this.#telemetry = options.telemetry;
    this.#add('http', httpMetrics);
    this.#add('node', nodeMetrics(options.node));
    this.#add('calls', callMetrics);
    this.#add('counter', counterMetrics(options.counter));
    this.#add('supervision', supervisionMetrics);
    this.#add('pubsub', pubsubMetrics(options.pubsub));
    this.#add('process', processMetrics(options.process ?? ownProcess()));
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#instruments.contentType;
  }

  /** All metrics, as they are now. */
  text(): Promise<string> {
    return this.#instruments.text();
  }

  /** Listens no longer; what was counted can still be read. */
  stop(): void {
    for (const id of this.#attached.splice(0)) this.#telemetry.detach(id);
  }

  // One attachment for each event, because one that fails is detached: the others go on.
  #add(name: string, metering: Metering): void {
    for (const [event, handler] of Object.entries(metering(this.#instruments))) {
      const id = `metrics-${name}-${event}`;
      this.#telemetry.attach(id, event, handler);
      this.#attached.push(id);
    }
  }
}

function ownProcess(): ProcessFigures {
  return {
    memoryUsage: process.memoryUsage,
    cpuUsage: () => process.cpuUsage(),
    uptime: () => process.uptime(),
    version: process.version,
    now: Date.now,
  };
}
