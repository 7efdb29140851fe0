import { Pid } from '../terms/pid.ts';
import { Reference } from '../terms/reference.ts';

/** Ids of pids stay below this, as on BEAM nodes before V4_NC; every peer can hold them. */
export const MAX_PID_ID = 2 ** 28;
/** The first word of a reference stays below this. Source: OTP `erl_term.h`, ERTS_MAX_INTERNAL_REF_NUMBERS. */
export const MAX_REFERENCE_WORD = 2 ** 18;
const WORD = 2 ** 32;

/**
 * Hands out pids and references that are unique within one incarnation of a node. The creation
 * tells incarnations apart, so counters may start from the bottom each time.
 */
export class Identifiers {
  readonly node: string;
  readonly creation: number;
  #pidId: number;
  #pidSerial = 0;
  #refWords: [number, number, number] = [0, 0, 0];

  /** @param firstPidId the first id given out; tests start close to the wrap */
  constructor(node: string, creation: number, firstPidId = 1) {
    this.node = node;
    this.creation = creation;
    this.#pidId = firstPidId;
  }

  /** Ids increase; when they wrap, the serial goes up, so no pid is ever given out twice. */
  makePid(): Pid {
    if (this.#pidId >= MAX_PID_ID) {
      this.#pidId = 1;
      this.#pidSerial += 1;
    }
    return new Pid(this.node, this.#pidId++, this.#pidSerial, this.creation);
  }

  makeRef(): Reference {
    const words = this.#refWords;
    if (++words[0] === MAX_REFERENCE_WORD) {
      words[0] = 0;
      if (++words[1] === WORD) {
        words[1] = 0;
        words[2] += 1;
      }
    }
    return new Reference(this.node, this.creation, [words[0], words[1], words[2]]);
  }
}
