import type { Reference } from '../terms/reference.ts';

interface Entry<V> {
  readonly ref: Reference;
  value: V;
  next: Entry<V> | undefined;
}

/** Values by reference. A look-up compares numbers; unlike a `Map` it needs no text of the reference. */
export class ReferenceMap<V> {
  /** entries by the hash of their reference; those of the same hash follow one another */
  readonly #entries = new Map<number, Entry<V>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(ref: Reference): V | undefined {
    let entry = this.#entries.get(hashOf(ref));
    while (entry !== undefined && !entry.ref.equals(ref)) entry = entry.next;
    return entry?.value;
  }

  set(ref: Reference, value: V): void {
    const hash = hashOf(ref);
    const first = this.#entries.get(hash);
    for (let entry = first; entry !== undefined; entry = entry.next) {
      if (entry.ref.equals(ref)) {
        entry.value = value;
        return;
      }
    }
    this.#entries.set(hash, { ref, value, next: first });
    this.#size += 1;
  }

  /** @returns what was there */
  delete(ref: Reference): V | undefined {
    const hash = hashOf(ref);
    let previous: Entry<V> | undefined;
    for (let entry = this.#entries.get(hash); entry !== undefined; entry = entry.next) {
      if (!entry.ref.equals(ref)) {
        previous = entry;
        continue;
      }
      if (previous !== undefined) previous.next = entry.next;
      else if (entry.next !== undefined) this.#entries.set(hash, entry.next);
      else this.#entries.delete(hash);
      this.#size -= 1;
      return entry.value;
    }
    return undefined;
  }

  *values(): Generator<V> {
    for (const first of this.#entries.values()) {
      for (let entry: Entry<V> | undefined = first; entry !== undefined; entry = entry.next) {
        yield entry.value;
      }
    }
  }
}

/** Below 2^30, where the engine stores numbers without a box. References made in a row differ in it. */
function hashOf({ words }: Reference): number {
  let hash = 0;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash, 31) + words[i]!;
  return hash & 0x3fffffff;
}
