import type { Term } from './term.ts';
import { termKey } from './term-key.ts';

/**
 * An Erlang map. Keys are any terms, compared as Erlang's `=:=` does (`1` and `1.0` differ), so a
 * JavaScript `Map` with its identity comparison cannot hold them. Immutable; entries keep their
 * wire order. The index for look-ups is built on first use.
 */
export class ErlangMap {
  readonly entries: readonly (readonly [Term, Term])[];
  #index: Map<string, Term> | undefined;

  constructor(entries: readonly (readonly [Term, Term])[]) {
    this.entries = entries;
  }

  get size(): number {
    return this.entries.length;
  }

  get(key: Term): Term | undefined {
    this.#index ??= new Map(this.entries.map(([k, v]) => [termKey(k), v]));
    return this.#index.get(termKey(key));
  }

  has(key: Term): boolean {
    return this.get(key) !== undefined;
  }
}
