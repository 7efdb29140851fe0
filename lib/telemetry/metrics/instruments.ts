/**
 * The instruments of one node, all in one registry. Nothing but this file knows the metrics library; it is
 * never given its global registry.
 *
 * Two kinds: those that events change, and those that are read when somebody asks for the metrics, which
 * cost nothing in between and whose series end with what they tell of.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TelemetryHandler } from '../telemetry.ts';
import type { Observations } from './observations.ts';

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
    const isSingle = description.labels === undefined;
    new Gauge({
      ...this.#configuration(description),
      collect() {
        this.reset();
        // The library's reset leaves a 0 where there are no labels, which nobody has read.
        if (isSingle) this.remove();
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

  /** A histogram whose series are kept as {@link Observations}, for what is observed very often. */
  readHistogram(description: Description, read: () => Iterable<Observations>): void {
    new ReadHistogram(this.#configuration(description), read);
  }

  #configuration({ name, help, labels = [] }: Description) {
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}

/** The library's own way to observe hashes the labels each time. */
class ReadHistogram extends Histogram {
  /** knows name, help and type in the library's own form, and has no values */
  readonly #empty: Histogram;
  readonly #read: () => Iterable<Observations>;

  constructor(
    configuration: ConstructorParameters<typeof Histogram>[0],
    read: () => Iterable<Observations>,
  ) {
    super(configuration);
    this.#empty = new Histogram({ ...configuration, registers: [] });
    this.#read = read;
  }

  override async get(): ReturnType<Histogram['get']> {
    const metric = await this.#empty.get();
    const values = [...this.#read()].flatMap((one) => [...seriesOf(metric.name, one)]);
    return { ...metric, values };
  }

  /** What the registry asks for when it writes the text. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get();
  }
}

function* seriesOf(name: string, { labels, bounds, counts, count, sum }: Observations) {
  const metricName = `${name}_bucket`;
  let value = 0;
  for (const [at, le] of bounds.entries()) {
    value += counts[at] ?? 0;
    yield { metricName, labels: { ...labels, le }, value };
  }
  yield { metricName, labels: { ...labels, le: '+Inf' }, value: count };
  yield { metricName: `${name}_sum`, labels, value: sum };
  yield { metricName: `${name}_count`, labels, value: count };
}
