import type { ByteReader } from '../bytes/reader.ts';
import { Atom } from './atom.ts';
import { Pid } from './pid.ts';
import { Reference } from './reference.ts';

/** Pids that are remembered, one for each hash of their numbers. */
const PIDS = 256;

/** Atoms that are remembered, one for each hash of their length and first byte. */
const ATOMS = 64;

/**
 * Lets the same identifier or atom, read again and again, be the same object. Peers name few processes in most
 * of their messages, and a pid that is an old acquaintance has its key computed already; the reply to a call
 * carries its reference twice; what goes to many nodes at once spells its atoms out, since no atom cache
 * is that of all of them. Takes no more than a fixed amount of memory.
 */
export class IdentifierCache {
  readonly #pids: (Pid | undefined)[] = new Array(PIDS).fill(undefined);
  readonly #atoms: (Atom | undefined)[] = new Array(ATOMS).fill(undefined);
  #reference: Reference | undefined;

  /**
   * The atom whose name is the next `length` bytes in UTF-8.
   *
   * @throws {TermError} as {@link ByteReader.utf8}
   */
  atom(reader: ByteReader, length: number): Atom {
    if (length === 0 || reader.remaining === 0) return new Atom(reader.utf8(length));
    const at = (7 * length + reader.peekU8()) & (ATOMS - 1);
    const known = this.#atoms[at];
    if (known !== undefined && known.name.length === length && reader.skipText(known.name)) {
      return known;
    }
    const read = new Atom(reader.utf8(length));
    // As many characters as bytes: it is ASCII.
    if (read.name.length === length) this.#atoms[at] = read;
    return read;
  }

  pid(node: string, id: number, serial: number, creation: number): Pid {
    // With the creation: the processes of two nodes that talk to each other often have the same ids.
    const at = (id + creation) & (PIDS - 1);
    const known = this.#pids[at];
    if (
      known !== undefined &&
      known.id === id &&
      known.serial === serial &&
      known.creation === creation &&
      known.node === node
    ) {
      return known;
    }
    const pid = new Pid(node, id, serial, creation);
    this.#pids[at] = pid;
    return pid;
  }

  /** A reference of three words, as all of BEAM nodes but the aliases of OTP 27 and later are. */
  reference(node: string, creation: number, a: number, b: number, c: number): Reference {
    const known = this.#reference;
    if (known !== undefined) {
      const { words } = known;
      if (
        words[0] === a &&
        words[1] === b &&
        words[2] === c &&
        known.creation === creation &&
        known.node === node
      ) {
        return known;
      }
    }
    const reference = new Reference(node, creation, [a, b, c]);
    this.#reference = reference;
    return reference;
  }
}
