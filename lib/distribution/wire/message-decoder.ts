import { keepFreedMemory } from '../bytes/freed-memory.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { FrameError, TermError } from '../errors.ts';
import { decodeTerm, TermDecoder } from '../terms/decode.ts';
import { IdentifierCache } from '../terms/identifier-cache.ts';
import type { TermLimits } from '../terms/limits.ts';
import { VERSION_MAGIC } from '../terms/tags.ts';
import type { Term } from '../terms/term.ts';
import { CallReader } from './call-codec.ts';
import {
  decodeControl,
  decodeFrequentControl,
  hasPayload,
  operationNumber,
} from './control/control.ts';
import type { ControlMessage } from './control/messages.ts';
import { InboundAtomCache } from './distribution-header.ts';
import type { BodyTaker } from './frame.ts';
import {
  DIST_FRAG_CONT,
  DIST_FRAG_HEADER,
  DIST_HEADER,
  FRAGMENT_BYTES,
  type MessageFormat,
  messageFormat,
  PASS_THROUGH,
} from './message-format.ts';

/** From here on the memory of messages is worth being kept for the next ones. */
const LARGE_BYTES = 512 * 1024;

/** What a decoder accepts from a peer. */
export interface MessageDecoderLimits {
  /** fragmented messages that have begun and not ended */
  readonly maxOpenSequences: number;
  /** payload of one fragmented message, in bytes */
  readonly maxMessageBytes: number;
  /** payload of all fragmented messages that have not ended, in bytes */
  readonly maxOpenBytes: number;
  /** for every term, see {@link TermLimits} */
  readonly terms: Partial<TermLimits>;
}

/** The limits of a decoder for which none are given. */
export const DEFAULT_MESSAGE_DECODER_LIMITS: MessageDecoderLimits = {
  maxOpenSequences: 1024,
  maxMessageBytes: 128 * 1024 * 1024,
  maxOpenBytes: 256 * 1024 * 1024,
  terms: {},
};

/** One message of the peer; `payload` is present exactly when the operation has one. */
export interface Message {
  readonly control: ControlMessage;
  readonly payload: Term | undefined;
}

/** A fragmented message that has begun. */
interface Sequence {
  readonly control: ControlMessage;
  /** the atoms of the header, which the whole payload refers to */
  readonly atoms: readonly string[];
  /** what has come of the payload */
  readonly gathered: ByteWriter;
  /** room that was made for what is to come, see {@link MessageDecoder} */
  readonly reservedBytes: number;
  /** id that the next fragment must have */
  nextFragmentId: bigint;
}

/**
 * Turns the frame bodies of one connection into messages: header, atom cache and fragments.
 *
 * Bodies must come in order and without ticks. After an error the decoder stays failed, since
 * nobody can tell any more which atoms its cache ought to hold; the connection is to be closed.
 * Binaries in the result are views of the body, or of the buffer in which fragments were gathered.
 *
 * The first fragment tells how many there are. Room for all of them is made at once, so that each is copied once
 * and to where it stays, the later ones as their bytes arrive ({@link BodyTaker}). Memory that nothing was written
 * to costs next to nothing, and beyond `maxOpenBytes` for all such messages the room grows with what comes.
 */
export class MessageDecoder implements BodyTaker {
  readonly #format: MessageFormat;
  readonly #limits: MessageDecoderLimits;
  readonly #atoms = new InboundAtomCache();
  readonly #reader = new ByteReader(new Uint8Array(0));
  readonly #terms: TermDecoder;
  readonly #calls: CallReader;
  readonly #sequences = new Map<bigint, Sequence>();
  /** of the payloads of open sequences: what has come, and for what room was made */
  #openBytes = 0;
  #reservedBytes = 0;
  /** to which the body belongs that is being taken */
  #taking: Sequence | undefined;
  #hadLarge = false;
  readonly #headReader = new ByteReader(new Uint8Array(0));
  #error: unknown;

  /** @param flags the negotiated capability bits */
  constructor(flags: bigint, limits: Partial<MessageDecoderLimits> = {}) {
    this.#format = messageFormat(flags);
    this.#limits = { ...DEFAULT_MESSAGE_DECODER_LIMITS, ...limits };
    const known = new IdentifierCache();
    this.#terms = new TermDecoder(this.#reader, this.#limits.terms, known);
    this.#calls = new CallReader(this.#reader, this.#terms, known);
  }

  /** Set this to a frame body, then {@link decodeNext}: so no array is made for each of them. */
  get reader(): ByteReader {
    return this.#reader;
  }

  /** Fragmented messages that have begun and not ended. */
  get openSequences(): number {
    return this.#sequences.size;
  }

  /**
   * Takes one frame body.
   *
   * @returns the message that it completes, or `undefined` while fragments are outstanding
   * @throws {FrameError} `unexpected_body`, `invalid_header`, `invalid_fragment`,
   * `invalid_control_message`, `limit_exceeded`
   * @throws {TermError} for the terms themselves and what stands behind them
   */
  decode(body: Uint8Array): Message | undefined {
    this.#reader.reset(body, 0, body.length);
    return this.decodeNext();
  }

  /** As {@link decode}, with the body that {@link reader} was set to. */
  decodeNext(): Message | undefined {
    if (this.#error !== undefined) throw this.#error;
    try {
      const reader = this.#reader;
      return this.#format.header ? this.#withHeader(reader) : this.#passThrough(reader);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #failed(error: unknown): unknown {
    this.#error = error;
    this.#sequences.clear();
    this.#taking = undefined;
    return error;
  }

  #passThrough(reader: ByteReader): Message {
    expectByte(reader, PASS_THROUGH, 'a pass-through message');
    expectByte(reader, VERSION_MAGIC, 'a control message');
    const control = this.#control();
    if (!hasPayload(control.operation)) return { control, payload: undefined };
    expectByte(reader, VERSION_MAGIC, 'a payload');
    return { control, payload: this.#payload(reader, control, this.#terms.read(undefined)) };
  }

  #withHeader(reader: ByteReader): Message | undefined {
    expectByte(reader, VERSION_MAGIC, 'a distribution header');
    const offset = reader.offset;
    const tag = reader.u8();
    if (tag === DIST_HEADER) return this.#whole(reader);
    if (this.#format.fragments) {
      if (tag === DIST_FRAG_HEADER) return this.#firstFragment(reader);
      if (tag === DIST_FRAG_CONT) return this.#laterFragment(reader);
    }
    const expected = this.#format.fragments ? '68, 69 or 70' : '68';
    throw new FrameError(
      'unexpected_body',
      `expected a distribution header (${expected}), got ${tag}`,
      { offset },
    );
  }

  #whole(reader: ByteReader): Message {
    const atoms = this.#header(reader);
    const control = this.#calls.control(atoms) ?? this.#control(atoms);
    if (!hasPayload(control.operation)) return { control, payload: undefined };
    const payload = this.#calls.payload(atoms) ?? this.#terms.read(atoms);
    return { control, payload: this.#payload(reader, control, payload) };
  }

  #firstFragment(reader: ByteReader): Message | undefined {
    const sequenceId = reader.u64();
    const fragmentId = reader.u64();
    if (sequenceId === 0n || fragmentId === 0n) {
      throw invalidFragment(`expected ids from 1, got sequence ${sequenceId}, ${fragmentId}`);
    }
    if (this.#sequences.has(sequenceId)) {
      throw invalidFragment(`sequence ${sequenceId} has begun already`);
    }
    if (fragmentId === 1n) return this.#whole(reader);
    if (this.#sequences.size >= this.#limits.maxOpenSequences) {
      throw limitExceeded(`${this.#limits.maxOpenSequences} open fragmented messages`);
    }
    const atoms = this.#header(reader);
    const control = this.#control(atoms);
    const later = fragmentId - 1n;
    const reservedBytes = this.#roomFor(reader.remaining, later);
    if (!this.#hadLarge && reservedBytes >= LARGE_BYTES) {
      this.#hadLarge = true;
      keepFreedMemory();
    }
    const gathered = new ByteWriter(reservedBytes);
    const sequence = { control, atoms, gathered, reservedBytes, nextFragmentId: later };
    this.#append(sequence, reader.bytes(reader.remaining));
    this.#sequences.set(sequenceId, sequence);
    this.#reservedBytes += reservedBytes;
    return undefined;
  }

  #laterFragment(reader: ByteReader): Message | undefined {
    // Its body has come whole. A connection that is idle then must not keep a large message alive.
    this.#taking = undefined;
    const sequenceId = reader.u64();
    const fragmentId = reader.u64();
    const sequence = this.#sequences.get(sequenceId);
    if (sequence === undefined) {
      throw invalidFragment(`expected the start of sequence ${sequenceId}, got ${fragmentId}`);
    }
    if (fragmentId !== sequence.nextFragmentId) {
      throw invalidFragment(
        `expected fragment ${sequence.nextFragmentId} of sequence ${sequenceId}, got ${fragmentId}`,
      );
    }
    this.#append(sequence, reader.bytes(reader.remaining));
    if (fragmentId > 1n) {
      sequence.nextFragmentId = fragmentId - 1n;
      return undefined;
    }
    this.#sequences.delete(sequenceId);
    this.#openBytes -= sequence.gathered.length;
    this.#reservedBytes -= sequence.reservedBytes;
    const { control, atoms } = sequence;
    if (!hasPayload(control.operation)) return { control, payload: undefined };
    const payload = new ByteReader(payloadOf(sequence));
    const term = decodeTerm(payload, { limits: this.#limits.terms, atomCache: atoms });
    return { control, payload: this.#payload(payload, control, term) };
  }

  /** A later fragment of a message that has begun. What else there may be is not taken, nor judged here. */
  accepts(head: Uint8Array): boolean {
    if (this.#sequences.size === 0) return false;
    if (head[0] !== VERSION_MAGIC || head[1] !== DIST_FRAG_CONT) return false;
    const reader = this.#headReader;
    reader.reset(head, 2, head.length);
    this.#taking = this.#sequences.get(reader.u64());
    return this.#taking !== undefined && this.#taking.nextFragmentId === reader.u64();
  }

  /** @throws {FrameError} `limit_exceeded` */
  take(part: Uint8Array): void {
    if (this.#error !== undefined) throw this.#error;
    try {
      if (this.#taking !== undefined) this.#append(this.#taking, part);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #append({ gathered }: Sequence, part: Uint8Array): void {
    const { maxMessageBytes, maxOpenBytes } = this.#limits;
    if (gathered.length + part.length > maxMessageBytes) {
      throw limitExceeded(`${maxMessageBytes} bytes in a fragmented message`);
    }
    if (this.#openBytes + part.length > maxOpenBytes) {
      throw limitExceeded(`${maxOpenBytes} bytes in open fragmented messages`);
    }
    gathered.bytes(part);
    this.#openBytes += part.length;
  }

  /** How many bytes there will be if the peer cuts as OTP does, within the limits. */
  #roomFor(firstBytes: number, later: bigint): number {
    const { maxMessageBytes, maxOpenBytes } = this.#limits;
    const likely = Math.min(firstBytes + Number(later) * FRAGMENT_BYTES, maxMessageBytes);
    return Math.max(firstBytes, Math.min(likely, maxOpenBytes - this.#reservedBytes));
  }

  #header(reader: ByteReader): readonly string[] {
    const offset = reader.offset;
    const atoms = this.#atoms.readHeader(reader);
    if (atoms.length > 0 && !this.#format.atomCache) {
      throw new FrameError(
        'invalid_header',
        `expected a header without atoms, since no atom cache was negotiated, got ${atoms.length}`,
        { offset },
      );
    }
    return atoms;
  }

  #control(atoms?: readonly string[]): ControlMessage {
    const terms = this.#terms;
    return decodeFrequentControl(this.#reader, terms, atoms) ?? decodeControl(terms.read(atoms));
  }

  /** The payload, which must fill the rest. What follows a message without payload is ignored. */
  #payload(reader: ByteReader, control: ControlMessage, payload: Term): Term {
    if (reader.remaining > 0) {
      throw new TermError(
        'trailing_bytes',
        `expected the end of ${control.operation} behind its payload, got ${reader.remaining} more bytes`,
        { offset: reader.offset, operation: operationNumber(control.operation) },
      );
    }
    return payload;
  }
}

/** Room that turned out to be far too much is not kept alive by what is decoded from it. */
function payloadOf({ gathered, reservedBytes }: Sequence): Uint8Array {
  const bytes = gathered.view();
  return bytes.length < reservedBytes / 2 ? Uint8Array.from(bytes) : bytes;
}

function expectByte(reader: ByteReader, expected: number, what: string): void {
  const offset = reader.offset;
  const byte = reader.u8();
  if (byte === expected) return;
  throw new FrameError('unexpected_body', `expected ${what} (${expected}), got ${byte}`, {
    offset,
  });
}

function invalidFragment(message: string): FrameError {
  return new FrameError('invalid_fragment', message);
}

function limitExceeded(what: string): FrameError {
  return new FrameError('limit_exceeded', `expected at most ${what}, got more`);
}
