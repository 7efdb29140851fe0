import type { Count } from './count.ts';

/** The answer that the first request with an idempotency key got. */
export interface KeyRecord {
  readonly value: Count;
  /** milliseconds since 1970, after which the key counts anew */
  readonly expiresAt: number;
}

/** How long a key is remembered. */
export const KEY_LIFETIME_MS = 10 * 60_000;

/** At most so many keys are remembered; the oldest are forgotten first. */
export const MAX_KEYS = 100_000;

/** Idempotency keys and their answers, oldest first. Bounded in number and in time. */
export class KeyTable {
  readonly #maxKeys: number;
  #records = new Map<string, KeyRecord>();

  constructor(maxKeys: number = MAX_KEYS) {
    this.#maxKeys = maxKeys;
  }

  /** The record of an answer that is given now. */
  static recordOf(value: Count, nowMs: number): KeyRecord {
    return { value, expiresAt: nowMs + KEY_LIFETIME_MS };
  }

  get size(): number {
    return this.#records.size;
  }

  /** The record of a key that has not expired. */
  get(key: string, nowMs: number): KeyRecord | undefined {
    const record = this.#records.get(key);
    return record !== undefined && record.expiresAt > nowMs ? record : undefined;
  }

  /** Notes an answer given now, and forgets what is out of date or too much. */
  set(key: string, value: Count, nowMs: number): KeyRecord {
    const record = KeyTable.recordOf(value, nowMs);
    // Deleted first, so that the order stays that of age.
    this.#records.delete(key);
    this.#records.set(key, record);
    for (const [oldest, { expiresAt }] of this.#records) {
      if (expiresAt > nowMs && this.#records.size <= this.#maxKeys) break;
      this.#records.delete(oldest);
    }
    return record;
  }

  /**
   * Takes in records of another table. A key that both have keeps the greater answer: an answer only
   * differs when both sides of a split counted the key, or when a prepared one became final.
   */
  merge(records: Iterable<readonly [string, KeyRecord]>): void {
    let outOfOrder = false;
    for (const [key, theirs] of records) {
      const ours = this.#records.get(key);
      if (ours !== undefined && !isGreater(theirs, ours)) continue;
      this.#records.set(key, theirs);
      outOfOrder = true;
    }
    if (outOfOrder) this.#restoreOrder();
  }

  entries(): IterableIterator<readonly [string, KeyRecord]> {
    return this.#records.entries();
  }

  #restoreOrder(): void {
    const sorted = [...this.#records].sort(
      ([keyA, a], [keyB, b]) => a.expiresAt - b.expiresAt || (keyA < keyB ? -1 : 1),
    );
    this.#records = new Map(sorted.slice(Math.max(0, sorted.length - this.#maxKeys)));
  }
}

function isGreater(a: KeyRecord, b: KeyRecord): boolean {
  return a.value > b.value || (a.value === b.value && a.expiresAt > b.expiresAt);
}
