import type { Term } from './term.ts';

/**
 * The pairs of an Erlang map, without the look-up. It stands apart from {@link ErlangMap} because
 * looking up needs term keys, and the key of a term needs to see into maps.
 */
export abstract class MapEntries {
  readonly entries: readonly (readonly [Term, Term])[];

  constructor(entries: readonly (readonly [Term, Term])[]) {
    this.entries = entries;
  }

  get size(): number {
    return this.entries.length;
  }
}
