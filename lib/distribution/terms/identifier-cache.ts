import { Pid } from './pid.ts';
import { Reference } from './reference.ts';

/** Pids that are remembered, one for each hash of their numbers. */
const PIDS = 256;

/**
 * Lets the same identifier, read again and again, be the same object. Peers name few processes in most of
 * their messages, and a pid that is an old acquaintance has its key computed already; the reply to a call
 * carries its reference twice. Takes no more than a fixed amount of memory.
 */
export class IdentifierCache {
  readonly #pids: (Pid | undefined)[] = new Array(PIDS).fill(undefined);
  #reference: Reference | undefined;

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
