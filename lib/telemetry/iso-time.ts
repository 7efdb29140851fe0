/** The time as text, cheap to ask for many times a second: `2026-01-31T12:00:00.000Z`. */
export class IsoTime {
  readonly #now: () => number;
  #second = Number.NaN;
  #untilSecond = '';
  #last = Number.NaN;
  #text = '';

  /** @param now whole milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The time now: ISO 8601, UTC, with milliseconds. */
  text(): string {
    const now = this.#now();
    if (now !== this.#last) {
      this.#last = now;
      this.#text = this.#format(now);
    }
    return this.#text;
  }

  // A date is taken apart once a second only.
  #format(now: number): string {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#untilSecond = new Date(now).toISOString().slice(0, -'000Z'.length);
      this.#second = second;
    }
    return `${this.#untilSecond}${String(now - second * 1000).padStart(3, '0')}Z`;
  }
}
