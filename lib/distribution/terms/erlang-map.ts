import { TermError } from '../errors.ts';
import { MapEntries } from './map-entries.ts';
import type { Term } from './term.ts';
import { termEquals } from './term-equals.ts';
import { termKey } from './term-key.ts';

/** Up to this many entries comparing one after the other is faster than building an index. */
const LINEAR_SEARCH_ENTRIES = 8;

/**
 * An Erlang map. Keys are any terms, compared as Erlang's `=:=` does (`1` and `1.0` differ), so a
 * JavaScript `Map` with its identity comparison cannot hold them. Immutable; entries keep their
 * wire order. The index for look-ups in a large map is built on first use.
 */
export class ErlangMap extends MapEntries {
  #index: Map<string, Term> | undefined;

  /** @throws {TermError} `invalid_term` when two keys are the same term: a peer closes on such a map */
  constructor(entries: readonly (readonly [Term, Term])[]) {
    super(entries);
    const duplicate = findDuplicateKey(entries);
    if (duplicate !== undefined) {
      throw new TermError('invalid_term', `expected distinct keys, pair ${duplicate} repeats one`);
    }
  }

  get(key: Term): Term | undefined {
    if (this.entries.length <= LINEAR_SEARCH_ENTRIES) {
      for (const [k, v] of this.entries) if (termEquals(k, key)) return v;
      return undefined;
    }
    this.#index ??= new Map(this.entries.map(([k, v]) => [termKey(k), v]));
    return this.#index.get(termKey(key));
  }

  has(key: Term): boolean {
    return this.get(key) !== undefined;
  }
}

/** Index of the first pair whose key occurred before. */
function findDuplicateKey(entries: readonly (readonly [Term, Term])[]): number | undefined {
  if (entries.length > LINEAR_SEARCH_ENTRIES) return findDuplicateByKey(entries);
  for (let i = 1; i < entries.length; i++) {
    const key = entries[i]![0];
    for (let j = 0; j < i; j++) if (termEquals(entries[j]![0], key)) return i;
  }
  return undefined;
}

function findDuplicateByKey(entries: readonly (readonly [Term, Term])[]): number | undefined {
  const seen = new Set<string>();
  for (let i = 0; i < entries.length; i++) {
    seen.add(termKey(entries[i]![0]));
    if (seen.size === i) return i;
  }
  return undefined;
}
