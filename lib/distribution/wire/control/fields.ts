/** Reading the elements of a control tuple, strictly. */
import { FrameError } from '../../errors.ts';
import { Atom } from '../../terms/atom.ts';
import { Pid } from '../../terms/pid.ts';
import { Reference } from '../../terms/reference.ts';
import { type Term, Tuple } from '../../terms/term.ts';

/** Elements of a control tuple, read by position with the kind that must stand there. */
export class Fields {
  readonly #elements: readonly Term[];
  readonly #name: string;

  constructor(elements: readonly Term[], name: string) {
    this.#elements = elements;
    this.#name = name;
  }

  pid(position: number): Pid {
    const term = this.#elements[position];
    return term instanceof Pid ? term : this.#wrong(position, 'a pid');
  }

  ref(position: number): Reference {
    const term = this.#elements[position];
    return term instanceof Reference ? term : this.#wrong(position, 'a reference');
  }

  atom(position: number): Atom {
    const term = this.#elements[position];
    return term instanceof Atom ? term : this.#wrong(position, 'an atom');
  }

  pidOrAtom(position: number): Pid | Atom {
    const term = this.#elements[position];
    if (term instanceof Pid || term instanceof Atom) return term;
    return this.#wrong(position, 'a pid or an atom');
  }

  /** A non-negative integer of at most 32 bits. */
  count(position: number): number {
    const term = this.#elements[position];
    if (isCount(term)) return term;
    return this.#wrong(position, 'a small non-negative integer');
  }

  /** A positive integer of at most 64 bits. */
  unlinkId(position: number): number | bigint {
    const term = this.#elements[position];
    if (typeof term === 'number' && Number.isSafeInteger(term) && term > 0) return term;
    if (typeof term === 'bigint' && term > 0n && BigInt.asUintN(64, term) === term) return term;
    return this.#wrong(position, 'an unlink id from 1 to 2^64-1');
  }

  any(position: number): Term {
    return this.#elements[position] ?? this.#wrong(position, 'a term');
  }

  /** `{Module, Function, Arity}`. */
  mfa(position: number): { module: Atom; function: Atom; arity: number } {
    const term = this.#elements[position];
    if (term instanceof Tuple && term.arity === 3) {
      const [module, name, arity] = term.elements;
      if (module instanceof Atom && name instanceof Atom && isCount(arity)) {
        return { module, function: name, arity };
      }
    }
    return this.#wrong(position, '{Module, Function, Arity}');
  }

  #wrong(position: number, expected: string): never {
    const operation = this.#elements[0] as number;
    throw new FrameError(
      'invalid_control_message',
      `expected ${expected} as element ${position + 1} of ${this.#name}, got ${kindOf(this.#elements[position])}`,
      { operation },
    );
  }
}

/** Whether a term is a non-negative integer of at most 32 bits. */
export function isCount(term: Term | undefined): term is number {
  return typeof term === 'number' && term >>> 0 === term;
}

/** What a term is, in a word: contents of a peer's message do not belong in an error. */
export function kindOf(term: Term | undefined): string {
  if (term === undefined) return 'nothing';
  return typeof term === 'object' ? term.constructor.name : typeof term;
}
