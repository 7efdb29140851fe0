/** What stands for all values beyond the bound. */
export const OTHER = 'other';

/**
 * Keeps the values of one label few, wherever they come from: the first ones are taken as they are, and
 * all further ones count as {@link OTHER}.
 */
export class LabelValues {
  readonly #max: number;
  readonly #known = new Set<string>();

  /** @param max how many values there may be, without `other` */
  constructor(max: number) {
    this.#max = max;
  }

  /** The value as it may appear; what is no string is `other`. */
  of(value: unknown): string {
    if (typeof value !== 'string') return OTHER;
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#max) return OTHER;
    this.#known.add(value);
    return value;
  }
}
