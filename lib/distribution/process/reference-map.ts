import type { Reference } from '../terms/reference.ts';

interface Entry<V> {
  readonly ref: Reference;
  value: V;
  next: Entry<V> | undefined;
}

const MIN_BUCKETS = 16;
/** So many stay: what comes in bursts would grow and shrink the table with each of them. */
const KEPT_BUCKETS = 512;

/**
 * Values by reference, for those that come and go with every message. A look-up compares numbers and needs
 * no text of the reference. Not a `Map`, because one under constant change leaves a trail of outgrown tables:
 * each keeps what it held, and the next table, alive until the next full collection of garbage.
 */
export class ReferenceMap<V> {
  /** entries by the hash of their reference; those of one bucket follow one another */
  #buckets = emptyBuckets<V>(MIN_BUCKETS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(ref: Reference): V | undefined {
    let entry = this.#buckets[this.#bucketOf(ref)];
    while (entry !== undefined && !entry.ref.equals(ref)) entry = entry.next;
    return entry?.value;
  }

  set(ref: Reference, value: V): void {
    const bucket = this.#bucketOf(ref);
    const first = this.#buckets[bucket];
    for (let entry = first; entry !== undefined; entry = entry.next) {
      if (entry.ref.equals(ref)) {
        entry.value = value;
        return;
      }
    }
    this.#buckets[bucket] = { ref, value, next: first };
    this.#size += 1;
    if (this.#size > this.#buckets.length) this.#resize(this.#buckets.length * 2);
  }

  /** @returns what was there */
  delete(ref: Reference): V | undefined {
    const bucket = this.#bucketOf(ref);
    let previous: Entry<V> | undefined;
    for (let entry = this.#buckets[bucket]; entry !== undefined; entry = entry.next) {
      if (!entry.ref.equals(ref)) {
        previous = entry;
        continue;
      }
      if (previous === undefined) this.#buckets[bucket] = entry.next;
      else previous.next = entry.next;
      this.#size -= 1;
      const { length } = this.#buckets;
      if (length > KEPT_BUCKETS && this.#size * 8 < length) this.#resize(length / 2);
      return entry.value;
    }
    return undefined;
  }

  *values(): Generator<V> {
    for (const first of this.#buckets) {
      for (let entry = first; entry !== undefined; entry = entry.next) yield entry.value;
    }
  }

  /** References that are made in a row fall into different buckets. */
  #bucketOf({ words }: Reference): number {
    // The words that count slowly count for more than one bucket.
    let hash = words[0]!;
    for (let i = 1; i < words.length; i++) hash = hash + Math.imul(words[i]!, 31);
    return hash & (this.#buckets.length - 1);
  }

  #resize(count: number): void {
    const entries = this.#buckets;
    this.#buckets = emptyBuckets(count);
    for (const first of entries) {
      for (let entry = first; entry !== undefined; ) {
        const { next } = entry;
        const bucket = this.#bucketOf(entry.ref);
        entry.next = this.#buckets[bucket];
        this.#buckets[bucket] = entry;
        entry = next;
      }
    }
  }
}

/** @param count a power of two */
function emptyBuckets<V>(count: number): (Entry<V> | undefined)[] {
  return new Array<Entry<V> | undefined>(count).fill(undefined);
}
