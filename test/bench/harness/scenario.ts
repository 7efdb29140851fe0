/** What a benchmark is, and what comes out of it. One scenario stands for one or more rows of the table. */

/** How a run is to be. */
export interface RunSettings {
  /** how often each variant is measured; the median counts */
  readonly rounds: number;
  /** how long one measurement takes */
  readonly measureMs: number;
  /** short of time: only what takes seconds */
  readonly quick: boolean;
  /** how long the memory scenario keeps its load up */
  readonly soakMs: number;
  readonly log: (line: string) => void;
}

/** One measured quantity, in all its rounds. */
export interface Figure {
  readonly name: string;
  /** such as `1/s`, `ms`, `MB` */
  readonly unit: string;
  readonly rounds: readonly number[];
  readonly median: number;
}

/** A ratio of two figures with what it shall reach. */
export interface Ratio {
  /** names the ratio for good: the recorded one is found by it */
  readonly id: string;
  readonly row: number;
  readonly what: string;
  readonly value: number;
  /** `atLeast` 1.2 means: ours is at least 1.2 times theirs. Without one the figure is only reported. */
  readonly reach?: { readonly kind: 'atLeast' | 'atMost'; readonly limit: number };
}

/** A point of a plot of its own, beside the bars that every scenario gets. */
export interface Point {
  readonly series: string;
  readonly x: number;
  readonly y: number;
}

export interface Plot {
  readonly name: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly points: readonly Point[];
}

export interface ScenarioResult {
  readonly figures: readonly Figure[];
  readonly ratios: readonly Ratio[];
  readonly plots?: readonly Plot[];
  /** what was left out and why, what was checked, what a reader has to know */
  readonly notes: readonly string[];
}

export interface Scenario {
  /** names the scenario on the command line and in the results */
  readonly name: string;
  /** the rows of the table that it answers */
  readonly rows: readonly number[];
  readonly title: string;
  /** whether it is part of the quick run */
  readonly quick: boolean;
  run(settings: RunSettings): Promise<ScenarioResult>;
}
