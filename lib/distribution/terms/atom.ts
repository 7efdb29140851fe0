/** At most this many characters (code points) fit in an atom. Source: OTP `erl_term.h`, MAX_ATOM_CHARACTERS. */
export const MAX_ATOM_CHARACTERS = 255;

/**
 * An Erlang atom. Two atoms are the same term when their names are equal; instances are
 * deliberately not interned, so a peer that sends endless new atoms cannot fill our memory.
 * The booleans and `nil`/`undefined` of Erlang and Elixir are plain atoms too.
 */
export class Atom {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** The bare name, as Elixir's `Atom.to_string/1`; `inspectTerm` gives the quoted shell form. */
  toString(): string {
    return this.name;
  }
}

/**
 * Makes an atom from its name.
 *
 * @throws {RangeError} when the name has more than {@link MAX_ATOM_CHARACTERS} characters
 */
export function atom(name: string): Atom {
  if (name.length > MAX_ATOM_CHARACTERS && [...name].length > MAX_ATOM_CHARACTERS) {
    throw new RangeError(
      `an atom has at most ${MAX_ATOM_CHARACTERS} characters, got ${[...name].length}`,
    );
  }
  return new Atom(name);
}

/** Whether `value` is an atom; with `name`, whether it is exactly that atom. */
export function isAtom(value: unknown, name?: string): value is Atom {
  return value instanceof Atom && (name === undefined || value.name === name);
}
