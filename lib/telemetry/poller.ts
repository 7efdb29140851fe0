/**
 * Measures at an interval what does not announce itself: memory, the delay of the event loop, and
 * whatever sources others register, such as connections and mailbox lengths.
 *
 * Events: `vm.memory` {rssBytes, heapUsedBytes, heapTotalBytes, externalBytes};
 * `vm.event_loop_delay` {meanMs, p50Ms, p99Ms, maxMs}, by how much the loop was late since the poll
 * before.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Measurements, Metadata, Telemetry } from './telemetry.ts';

/** Something to measure from time to time. */
export interface PollerSource {
  /** the event under which its measurements appear */
  readonly event: string;
  /** Called at each poll at which somebody listens to the event. */
  readonly measure: () => Measurements;
  readonly metadata?: Metadata;
}

export interface PollerOptions {
  readonly telemetry: Telemetry;
  /** default 10 s */
  readonly intervalMs?: number;
  readonly sources?: readonly PollerSource[];
  /** Calls `fn` at an interval until the returned function is called; must not keep the process alive. */
  readonly every?: (intervalMs: number, fn: () => void) => () => void;
  readonly memoryUsage?: () => NodeJS.MemoryUsage;
  /** Makes a monitor that records the time between two firings of a timer, in nanoseconds. */
  readonly eventLoopDelay?: (resolutionMs: number) => IntervalHistogram;
}

const DEFAULT_INTERVAL_MS = 10_000;
const NANOSECONDS_PER_MS = 1e6;
/** How often the monitor looks at the loop. */
const RESOLUTION_MS = 20;

/** A poller that runs from {@link Poller.start} to {@link Poller.stop}, and may start again. */
export class Poller {
  readonly #telemetry: Telemetry;
  readonly #intervalMs: number;
  readonly #every: NonNullable<PollerOptions['every']>;
  readonly #makeHistogram: (resolutionMs: number) => IntervalHistogram;
  readonly #sources = new Set<PollerSource>();
  #running: { readonly cancel: () => void; readonly histogram: IntervalHistogram } | undefined;

  constructor(options: PollerOptions) {
    const { memoryUsage = process.memoryUsage } = options;
    this.#telemetry = options.telemetry;
    this.#intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
    this.#every = options.every ?? everyUnref;
    this.#makeHistogram = options.eventLoopDelay ?? monitor;
    this.add({ event: 'vm.memory', measure: () => memory(memoryUsage()) });
    for (const source of options.sources ?? []) this.add(source);
  }

  /** Adds a source. @returns removes it */
  add(source: PollerSource): () => void {
    this.#sources.add(source);
    return () => {
      this.#sources.delete(source);
    };
  }

  start(): void {
    if (this.#running !== undefined) return;
    const histogram = this.#makeHistogram(RESOLUTION_MS);
    histogram.enable();
    this.#running = { histogram, cancel: this.#every(this.#intervalMs, () => this.poll()) };
  }

  /** Releases the timer and the event loop monitor. */
  stop(): void {
    this.#running?.cancel();
    this.#running?.histogram.disable();
    this.#running = undefined;
  }

  /** Measures now. A source that fails is reported as `telemetry.poller.failure` and removed. */
  poll(): void {
    for (const source of this.#sources) this.#measure(source);
    if (this.#running !== undefined) this.#eventLoopDelay(this.#running.histogram);
  }

  #measure(source: PollerSource): void {
    const { event, measure, metadata = {} } = source;
    if (!this.#telemetry.hasHandlers(event)) return;
    try {
      this.#telemetry.execute(event, measure(), metadata);
    } catch (error) {
      this.#sources.delete(source);
      this.#telemetry.execute('telemetry.poller.failure', {}, { event, error });
    }
  }

  #eventLoopDelay(histogram: IntervalHistogram): void {
    const measurements = {
      meanMs: delayMs(histogram.mean),
      p50Ms: delayMs(histogram.percentile(50)),
      p99Ms: delayMs(histogram.percentile(99)),
      maxMs: delayMs(histogram.max),
    };
    histogram.reset();
    // An empty histogram has no mean: it has been reset since the loop last turned.
    if (Number.isNaN(measurements.meanMs)) return;
    this.#telemetry.execute('vm.event_loop_delay', measurements);
  }
}

/** Node records the time from one firing of its timer to the next, not by how much one was late. */
function delayMs(betweenFiringsNs: number): number {
  return Math.max(0, betweenFiringsNs / NANOSECONDS_PER_MS - RESOLUTION_MS);
}

function monitor(resolution: number): IntervalHistogram {
  return monitorEventLoopDelay({ resolution });
}

function memory({ rss, heapUsed, heapTotal, external }: NodeJS.MemoryUsage): Measurements {
  return {
    rssBytes: rss,
    heapUsedBytes: heapUsed,
    heapTotalBytes: heapTotal,
    externalBytes: external,
  };
}

function everyUnref(intervalMs: number, fn: () => void): () => void {
  const timer = setInterval(fn, intervalMs).unref();
  return () => clearInterval(timer);
}
