import type { Count } from './count.ts';

/**
 * How sure an answer is. Two nodes may know different answers to one key, when a batch was counted by the
 * owners of both sides of a split, or prepared by one that died: the surer one counts.
 */
export const Certainty = {
  /** a backup keeps it for an owner that has not counted it yet; the number may still change */
  PREPARED: 0,
  /** an owner has counted it; whether anybody was told only the node that asked knows */
  COUNTED: 1,
  /** a client has been told, or is about to be: it stays as it is */
  TOLD: 2,
} as const;

export type Certainty = (typeof Certainty)[keyof typeof Certainty];

/** Whether a value is a certainty. */
export function isCertainty(value: unknown): value is Certainty {
  return value === 0 || value === 1 || value === 2;
}

/** The answer that the first request with an idempotency key got. */
export interface KeyRecord {
  readonly value: Count;
  /** milliseconds since 1970, after which the key counts anew */
  readonly expiresAt: number;
  readonly certainty: Certainty;
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
  static recordOf(value: Count, nowMs: number, certainty: Certainty): KeyRecord {
    return { value, expiresAt: nowMs + KEY_LIFETIME_MS, certainty };
  }

  get size(): number {
    return this.#records.size;
  }

  /** The record of a key that has not expired. */
  get(key: string, nowMs: number): KeyRecord | undefined {
    const record = this.#records.get(key);
    return record !== undefined && record.expiresAt > nowMs ? record : undefined;
  }

  /** Notes an answer counted or told now, and forgets what is out of date or too much. */
  set(key: string, value: Count, nowMs: number, certainty: Certainty): KeyRecord {
    const record = KeyTable.recordOf(value, nowMs, certainty);
    this.#append(key, record);
    this.#forget(nowMs);
    return record;
  }

  /**
   * Takes in the record of one key, which was made about now: unlike {@link merge} it costs the same,
   * however many keys there are.
   *
   * @returns the surer one of what was known and this
   */
  note(key: string, record: KeyRecord, nowMs: number): KeyRecord {
    const known = this.#records.get(key);
    if (known !== undefined && known.expiresAt > nowMs && !isSurer(record, known)) return known;
    // In its place: its age is the same.
    if (known?.expiresAt === record.expiresAt) this.#records.set(key, record);
    else this.#append(key, record);
    this.#forget(nowMs);
    return record;
  }

  /** Takes in records of another table. Of a key that both have the surer answer is kept. */
  merge(records: Iterable<readonly [string, KeyRecord]>): void {
    let outOfOrder = false;
    for (const [key, theirs] of records) {
      const ours = this.#records.get(key);
      if (ours !== undefined && !isSurer(theirs, ours)) continue;
      this.#records.set(key, theirs);
      outOfOrder = true;
    }
    if (outOfOrder) this.#restoreOrder();
  }

  entries(): IterableIterator<readonly [string, KeyRecord]> {
    return this.#records.entries();
  }

  #append(key: string, record: KeyRecord): void {
    // Deleted first, so that the order stays that of age.
    this.#records.delete(key);
    this.#records.set(key, record);
  }

  #forget(nowMs: number): void {
    for (const [oldest, { expiresAt }] of this.#records) {
      if (expiresAt > nowMs && this.#records.size <= this.#maxKeys) break;
      this.#records.delete(oldest);
    }
  }

  #restoreOrder(): void {
    const sorted = [...this.#records].sort(
      ([keyA, a], [keyB, b]) => a.expiresAt - b.expiresAt || (keyA < keyB ? -1 : 1),
    );
    this.#records = new Map(sorted.slice(Math.max(0, sorted.length - this.#maxKeys)));
  }
}

/**
 * A total order, so that tables merge to the same whichever comes first. Of two answers that clients were
 * told the first stands. Of two that were counted it is the later one: whoever asked has asked a second
 * owner because the first one's answer did not come.
 */
function isSurer(a: KeyRecord, b: KeyRecord): boolean {
  if (a.certainty !== b.certainty) return a.certainty > b.certainty;
  if (a.expiresAt !== b.expiresAt) {
    return a.certainty === Certainty.TOLD ? a.expiresAt < b.expiresAt : a.expiresAt > b.expiresAt;
  }
  return a.value < b.value;
}
