/**
 * The instruments of one node, all in one registry. Nothing but this file knows the metrics library; it is
 * never given its global registry.
 *
 * Two kinds: those that events change, and those that are read when somebody asks for the metrics, which
 * cost nothing in between and whose series end with what they tell of.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TelemetryHandler } from '../telemetry.ts';

/** Labels with their values. */
export type Labels = Readonly<Record<string, string>>;

/** A value with its labels. */
export type Sample = readonly [labels: Labels, value: number];

/** What an instrument is called and says. */
export interface Description {
  /** in the base unit, which it ends with; counters end with `_total` */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** A part of the metrics: it makes its instruments, and says which events change them. */
export type Metering = (instruments: Instruments) => Readonly<Record<string, TelemetryHandler>>;

export class Instruments {
  readonly #registry = new Registry();

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything in the text format; values that are read are read now. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  counter(description: Description): Counter {
    return new Counter(this.#configuration(description));
  }

  gauge(description: Description): Gauge {
    return new Gauge(this.#configuration(description));
  }

  /** @param buckets upper bounds, in the unit of the name */
  histogram(description: Description, buckets: readonly number[]): Histogram {
    return new Histogram({ ...this.#configuration(description), buckets: [...buckets] });
  }

  /** A gauge that is read; it has the series that are there at that moment. */
  readGauge(description: Description, read: () => Iterable<Sample>): void {
    new Gauge({
      ...this.#configuration(description),
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  /** A counter that something else keeps. It may begin anew, as a counter does when a process starts. */
  readCounter(description: Description, read: () => Iterable<Sample>): void {
    new Counter({
      ...this.#configuration(description),
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }

  #configuration({ name, help, labels = [] }: Description) {
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}
