import { ByteWriter } from '../bytes/writer.ts';
import type { Signal } from '../process/signals.ts';
import { OFFERED_FLAGS } from '../wire/flags.ts';
import { fragmentBytes, MessageEncoder } from '../wire/message-encoder.ts';
import { controlOf, isUnderstood, signalForms } from './signal-codec.ts';

const FIRST_CAPACITY = 1024;

/** How much may wait for one connection. */
export interface WaitingLimits {
  /** signals kept for a node that is being dialled, beyond which the attempt is given up */
  readonly maxWaitingSignals: number;
  /** their bytes, as of what waits on a connection */
  readonly maxQueuedBytes: number;
}

/**
 * Tells how many bytes a signal takes on a connection that is not there yet. What the peer will understand is
 * not known before the handshake, so the signal itself waits, and is encoded again.
 */
export class SignalScale {
  readonly #encoder = new MessageEncoder(OFFERED_FLAGS);
  readonly #forms = signalForms(OFFERED_FLAGS);

  /** @throws {TermError} `unencodable` for what is no term */
  bytesOf(signal: Signal): number {
    if (!isUnderstood(signal, this.#forms)) return 0;
    const { control, payload } = controlOf(signal, this.#forms);
    const out = new ByteWriter(FIRST_CAPACITY);
    // Large binaries are not copied for this.
    const fragments = this.#encoder.encodeInto(out, control, payload, true);
    if (fragments === undefined) return out.length;
    let bytes = 0;
    for (const fragment of fragments) bytes += fragmentBytes(fragment);
    return bytes;
  }
}

/** The signals to a node that is being dialled, in their order. */
export class WaitingSignals {
  readonly #limits: WaitingLimits;
  readonly #signals: Signal[] = [];
  #bytes = 0;
  #isFull = false;

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }

  get all(): readonly Signal[] {
    return this.#signals;
  }

  /** What there was no room for, in words. */
  get limit(): string {
    const { maxWaitingSignals, maxQueuedBytes } = this.#limits;
    const { length } = this.#signals;
    return length < maxWaitingSignals ? `${maxQueuedBytes} bytes` : `${length} signals`;
  }

  /**
   * Adds one behind the others, or, if it has no room, none from now on: what comes after it must not get there
   * without it.
   *
   * @returns whether this is the first one that has no room
   */
  add(signal: Signal, bytes: number): boolean {
    if (this.#isFull) return false;
    const { maxWaitingSignals, maxQueuedBytes } = this.#limits;
    this.#isFull =
      this.#signals.length >= maxWaitingSignals || this.#bytes + bytes > maxQueuedBytes;
    if (this.#isFull) return true;
    this.#signals.push(signal);
    this.#bytes += bytes;
    return false;
  }
}
