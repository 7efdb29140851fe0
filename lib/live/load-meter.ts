/**
 * How much a node has to do: requests, increments, and latencies, from one reading to the next. Made to be
 * fed with every request: a record is two additions and no allocation.
 *
 * Latencies go into classes, eight to each doubling, so a percentile is right to within 5 %.
 */

/** What happened between two readings. */
export interface Load {
  readonly requests: number;
  readonly increments: number;
  /** half of the requests, and 99 of 100, took no longer; milliseconds, 0 without requests */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const CLASSES_PER_DOUBLING = 8;
/** From 2^-7 ms to 2^16 ms (65 s); what is outside counts as the edge. */
const SMALLEST_EXPONENT = -7;
const DOUBLINGS = 23;
const CLASSES = CLASSES_PER_DOUBLING * DOUBLINGS;

export class LoadMeter {
  readonly #classes = new Uint32Array(CLASSES);
  #requests = 0;
  #increments = 0;

  /** One request that was answered. */
  record(durationMs: number, isIncrement: boolean): void {
    const at = Math.floor((Math.log2(durationMs) - SMALLEST_EXPONENT) * CLASSES_PER_DOUBLING);
    // Also -Infinity, the logarithm of 0, ends up in the lowest class.
    const index = Math.max(0, Math.min(CLASSES - 1, at));
    this.#classes[index] = (this.#classes[index] ?? 0) + 1;
    this.#requests += 1;
    if (isIncrement) this.#increments += 1;
  }

  /** What was recorded since the last reading. */
  read(): Load {
    const load: Load = {
      requests: this.#requests,
      increments: this.#increments,
      p50Ms: this.#percentile(0.5),
      p99Ms: this.#percentile(0.99),
    };
    this.#classes.fill(0);
    this.#requests = 0;
    this.#increments = 0;
    return load;
  }

  #percentile(share: number): number {
    if (this.#requests === 0) return 0;
    const rank = Math.ceil(this.#requests * share);
    let seen = 0;
    for (let index = 0; index < CLASSES; index += 1) {
      seen += this.#classes[index] ?? 0;
      if (seen >= rank) return middleOf(index);
    }
    return middleOf(CLASSES - 1);
  }
}

function middleOf(index: number): number {
  const middle = 2 ** (SMALLEST_EXPONENT + (index + 0.5) / CLASSES_PER_DOUBLING);
  return Math.round(middle * 1000) / 1000;
}
