/** What was observed under one set of labels. To observe costs next to nothing: no label is looked at. */
export class Observations {
  readonly labels: Readonly<Record<string, string>>;
  /** upper bounds of the buckets, ascending */
  readonly bounds: readonly number[];
  /** how many fell into each bucket and into none before it; the last are beyond all bounds */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[], labels: Readonly<Record<string, string>> = {}) {
    this.bounds = bounds;
    this.labels = labels;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at += 1;
    counts[at]! += 1;
    this.sum += value;
    this.count += 1;
  }
}
