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
  type ControlMessage,
  decodeControl,
  decodeFrequentControl,
  hasPayload,
  operationNumber,
} from './control.ts';
import { InboundAtomCache } from './distribution-header.ts';
import {
  DIST_FRAG_CONT,
  DIST_FRAG_HEADER,
  DIST_HEADER,
  type MessageFormat,
  messageFormat,
  PASS_THROUGH,
} from './message-format.ts';

/** Parts of a fragmented message below this are put together as they come. OTP's have 64 KiB. */
const SMALL_PART_BYTES = 4096;

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
  /** what has come of the payload: views of the frames, joined when all of it is there */
  readonly parts: Uint8Array[];
  /** the last parts, if they are small: an array for each would take more than they hold */
  readonly small: ByteWriter;
  bytes: number;
  /** id that the next fragment must have */
  nextFragmentId: bigint;
}

/**
 * Turns the frame bodies of one connection into messages: header, atom cache and fragments.
 *
 * Bodies must come in order and without ticks. After an error the decoder stays failed, since
 * nobody can tell any more which atoms its cache ought to hold; the connection is to be closed.
 * Binaries in the result are views of the body, or of the buffer in which fragments were gathered.
 */
export class MessageDecoder {
  readonly #format: MessageFormat;
  readonly #limits: MessageDecoderLimits;
  readonly #atoms = new InboundAtomCache();
  readonly #reader = new ByteReader(new Uint8Array(0));
  readonly #terms: TermDecoder;
  readonly #calls: CallReader;
  readonly #sequences = new Map<bigint, Sequence>();
  #openBytes = 0;
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
      this.#error = error;
      this.#sequences.clear();
      throw error;
    }
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
    const small = new ByteWriter();
    const sequence = {
      ...{ control, atoms, parts: [], small, bytes: 0 },
      nextFragmentId: fragmentId - 1n,
    };
    this.#append(sequence, reader);
    this.#sequences.set(sequenceId, sequence);
    return undefined;
  }

  #laterFragment(reader: ByteReader): Message | undefined {
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
    this.#append(sequence, reader);
    if (fragmentId > 1n) {
      sequence.nextFragmentId = fragmentId - 1n;
      return undefined;
    }
    this.#sequences.delete(sequenceId);
    this.#openBytes -= sequence.bytes;
    const { control, atoms } = sequence;
    gatherSmall(sequence);
    if (!hasPayload(control.operation)) return { control, payload: undefined };
    const payload = new ByteReader(Buffer.concat(sequence.parts, sequence.bytes));
    const term = decodeTerm(payload, { limits: this.#limits.terms, atomCache: atoms });
    return { control, payload: this.#payload(payload, control, term) };
  }

  #append(sequence: Sequence, reader: ByteReader): void {
    const { maxMessageBytes, maxOpenBytes } = this.#limits;
    const bytes = reader.remaining;
    if (sequence.bytes + bytes > maxMessageBytes) {
      throw limitExceeded(`${maxMessageBytes} bytes in a fragmented message`);
    }
    if (this.#openBytes + bytes > maxOpenBytes) {
      throw limitExceeded(`${maxOpenBytes} bytes in open fragmented messages`);
    }
    const part = reader.bytes(bytes);
    if (bytes < SMALL_PART_BYTES) {
      sequence.small.bytes(part);
    } else {
      gatherSmall(sequence);
      sequence.parts.push(keep(part));
    }
    sequence.bytes += bytes;
    this.#openBytes += bytes;
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

function gatherSmall({ parts, small }: Sequence): void {
  if (small.length > 0) parts.push(small.take());
}

/** A part of a much larger chunk is copied, so that it does not keep alive a chunk that came with much else. */
function keep(part: Uint8Array): Uint8Array {
  return part.length < part.buffer.byteLength / 2 ? Uint8Array.from(part) : part;
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
