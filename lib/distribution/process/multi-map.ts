/** Several values per string key; a key without values takes no memory. */
export class MultiMap<V> {
  readonly #sets = new Map<string, Set<V>>();

  /** How many keys have values. */
  get size(): number {
    return this.#sets.size;
  }

  add(key: string, value: V): void {
    const set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, new Set([value]));
    else set.add(value);
  }

  delete(key: string, value: V): void {
    const set = this.#sets.get(key);
    if (set?.delete(value) && set.size === 0) this.#sets.delete(key);
  }

  /** Removes the key and returns its values in the order of their addition. */
  take(key: string): V[] {
    const set = this.#sets.get(key);
    if (set === undefined) return [];
    this.#sets.delete(key);
    return [...set];
  }

  count(key: string): number {
    return this.#sets.get(key)?.size ?? 0;
  }
}
