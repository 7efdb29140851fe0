import { ByteWriter } from '../bytes/writer.ts';
import { type AtomSink, EncodedTerm, encodeTerm } from '../terms/encode.ts';
import { VERSION_MAGIC } from '../terms/tags.ts';
import { type Term, Tuple } from '../terms/term.ts';
import { CallWriter } from './call-codec.ts';
import { OutboundAtomCache } from './distribution-header.ts';
import {
  DIST_FRAG_CONT,
  DIST_FRAG_HEADER,
  DIST_HEADER,
  FRAGMENT_BYTES,
  FRAGMENT_IDS_BYTES,
  type MessageFormat,
  messageFormat,
  PASS_THROUGH,
} from './message-format.ts';

const LENGTH_BYTES = 4;
/** Frame length, 131, 70, and the ids of a fragment. */
const CONTINUATION_HEAD_BYTES = LENGTH_BYTES + 2 + FRAGMENT_IDS_BYTES;

const FIRST_CAPACITY = 1024;

/** What a message carries. */
export type Payload = Term | EncodedTerm;

/** A frame in pieces, so that the larger ones need not be copied behind the others. */
export interface Fragment {
  readonly head: Uint8Array;
  readonly parts: readonly Uint8Array[];
}

/** How many bytes the frame has, those of its length included. */
export function fragmentBytes({ head, parts }: Fragment): number {
  let bytes = head.length;
  for (const part of parts) bytes += part.length;
  return bytes;
}

/**
 * Turns messages of one connection into frames, ready for the socket.
 *
 * Pure but for the outbound atom cache, which makes the order binding: the first frames of all
 * messages go out in the order of the `encode` calls, and none may be left out. Later fragments of
 * a message may be interleaved with other messages, except with messages of the same sending
 * process, which must wait for the last fragment.
 */
export class MessageEncoder {
  readonly #format: MessageFormat;
  readonly #atoms = new OutboundAtomCache();
  readonly #calls = new CallWriter(this.#atoms);
  /** the head of the last frame, and whether that held a whole message */
  readonly #head = new ByteWriter();
  #headIsWhole = false;
  /**
   * Room left before the terms, which are written first because only they tell which atoms the header
   * must list. The head of the last message: most messages have one of the same length.
   */
  #room = 0;
  #lastSequenceId = 0n;

  /** @param flags the negotiated capability bits */
  constructor(flags: bigint) {
    this.#format = messageFormat(flags);
  }

  /**
   * Encodes a control message and, where its operation has one, the payload, which may be encoded already.
   *
   * @returns complete frames with their length, in order; they belong to the caller
   * @throws {TermError} `unencodable` or `limit_exceeded`; nothing is to be sent then, and the
   * encoder remains usable
   */
  encode(control: Tuple, payload?: Payload): Uint8Array[] {
    const out = new ByteWriter(FIRST_CAPACITY);
    const fragments = this.encodeInto(out, control, payload);
    if (fragments === undefined) return [out.take()];
    return fragments.map(({ head, parts }) => Buffer.concat([head, ...parts]));
  }

  /**
   * As {@link encode}, and appends the frame to `out` if the message is one frame. Frames of a message that was
   * cut refer to its large binaries, which must not change until the frames have gone.
   *
   * @param apart writes no atom cache references: the frames may go out later than those encoded after them
   * @returns the frames, in order, of a message that was cut; `out` is as before then
   */
  encodeInto(
    out: ByteWriter,
    control: Tuple,
    payload?: Payload,
    apart = false,
  ): Fragment[] | undefined {
    const start = out.length;
    const bytes = payload === undefined ? 0 : knownBytes(payload);
    try {
      if (!this.#format.header) {
        this.#passThrough(out, control, payload);
        return undefined;
      }
      if (payload === undefined || bytes < FRAGMENT_BYTES) {
        return this.#withHeader(out, control, payload, apart);
      }
      // A writer of the right size, so that a large message is copied at most once and not each time one grows.
      const { fragments } = this.#format;
      const copied = fragments ? copiedBytes(payload, 2) : bytes;
      const own = new ByteWriter(FIRST_CAPACITY + copied);
      const cut = this.#withHeader(own, control, payload, apart, fragments);
      if (cut === undefined) out.bytes(own.view());
      return cut;
    } catch (error) {
      this.#atoms.discard();
      out.truncate(start);
      throw error;
    }
  }

  #passThrough(out: ByteWriter, control: Tuple, payload: Payload | undefined): void {
    const start = out.length;
    out.u32(0);
    out.u8(PASS_THROUGH);
    out.u8(VERSION_MAGIC);
    encodeTerm(out, control);
    if (payload !== undefined) {
      out.u8(VERSION_MAGIC);
      writePayload(out, payload, undefined);
    }
    out.patchU32(start, out.length - start - LENGTH_BYTES);
  }

  /** @param isOwn whether `out` was made for this message alone, so that its fragments may lie in it */
  #withHeader(
    out: ByteWriter,
    control: Tuple,
    payload: Payload | undefined,
    apart: boolean,
    isOwn = false,
  ): Fragment[] | undefined {
    const sink = this.#format.atomCache && !apart ? this.#atoms : undefined;
    const start = out.length;
    const room = this.#room;
    const terms = start + room;
    out.skip(room);
    if (sink === undefined || !this.#calls.control(out, control)) encodeTerm(out, control, sink);
    const controlEnd = out.length;
    if (isOwn) out.referFrom(FRAGMENT_BYTES);
    if (payload !== undefined) this.#payload(out, payload, sink);
    const termBytes = out.length - terms + out.referredBytes;
    if (payload !== undefined && termBytes > FRAGMENT_BYTES && this.#format.fragments) {
      const control = Uint8Array.from(out.view().subarray(terms, controlEnd));
      const segments = isOwn ? out.segments(controlEnd) : [out.cut(controlEnd)];
      out.truncate(start);
      return this.#fragment(control, segments);
    }
    const head = this.#head;
    if (!this.#headIsWhole || !this.#atoms.repeatHeader()) this.#writeHead();
    head.patchU32(0, head.length - LENGTH_BYTES + termBytes);
    this.#room = head.length;
    out.place(start, room, head);
    return undefined;
  }

  #writeHead(): void {
    const head = this.#head;
    head.truncate(0);
    head.u32(0);
    head.u8(VERSION_MAGIC);
    head.u8(DIST_HEADER);
    this.#atoms.writeHeader(head);
    this.#headIsWhole = true;
  }

  #payload(out: ByteWriter, payload: Payload, sink: OutboundAtomCache | undefined): void {
    if (sink !== undefined && !(payload instanceof EncodedTerm)) {
      const start = out.length;
      try {
        if (this.#calls.payload(out, payload)) return;
      } catch {
        // The codec of terms says where in the message the wrong part stands.
        out.truncate(start);
      }
    }
    writePayload(out, payload, sink);
  }

  /**
   * Cuts the payload every {@link FRAGMENT_BYTES}. The first fragment has the control message and nothing of the
   * payload: it goes at once, and nobody is to wait for more behind it than he must.
   */
  #fragment(control: Uint8Array, payload: readonly Uint8Array[]): Fragment[] {
    const pieces = cut(payload, FRAGMENT_BYTES);
    this.#lastSequenceId += 1n;
    const head = this.#firstHead(BigInt(pieces.length + 1), control.length);
    const fragments: Fragment[] = [{ head, parts: [control] }];
    for (let i = 0; i < pieces.length; i += 1) {
      const { parts, bytes } = pieces[i]!;
      fragments.push({ head: this.#laterHead(pieces.length - i, bytes), parts });
    }
    return fragments;
  }

  #firstHead(fragmentId: bigint, termBytes: number): Uint8Array {
    const head = this.#head;
    this.#beginFragment(DIST_FRAG_HEADER, fragmentId);
    this.#atoms.writeHeader(head);
    head.patchU32(0, head.length - LENGTH_BYTES + termBytes);
    return head.take();
  }

  #laterHead(fragmentId: number, partBytes: number): Uint8Array {
    const head = this.#head;
    this.#beginFragment(DIST_FRAG_CONT, BigInt(fragmentId));
    head.patchU32(0, CONTINUATION_HEAD_BYTES - LENGTH_BYTES + partBytes);
    return head.take();
  }

  #beginFragment(tag: number, fragmentId: bigint): void {
    const head = this.#head;
    this.#headIsWhole = false;
    head.truncate(0);
    head.u32(0);
    head.u8(VERSION_MAGIC);
    head.u8(tag);
    head.u64(this.#lastSequenceId);
    head.u64(fragmentId);
  }
}

/** What follows the head of a fragment. */
interface Piece {
  readonly parts: Uint8Array[];
  bytes: number;
}

/** Pieces of `size` bytes, the last one perhaps shorter, each of which is made of views of the segments. */
function cut(segments: readonly Uint8Array[], size: number): Piece[] {
  const pieces: Piece[] = [];
  let piece: Piece = { parts: [], bytes: size };
  for (const segment of segments) {
    for (let at = 0; at < segment.length; ) {
      if (piece.bytes === size) {
        piece = { parts: [], bytes: 0 };
        pieces.push(piece);
      }
      const part = segment.subarray(at, at + size - piece.bytes);
      piece.parts.push(part);
      piece.bytes += part.length;
      at += part.length;
    }
  }
  return pieces;
}

function writePayload(out: ByteWriter, payload: Payload, sink: AtomSink | undefined): void {
  if (payload instanceof EncodedTerm) out.binary(payload.bytes);
  else encodeTerm(out, payload, sink);
}

function knownBytes(payload: Payload): number {
  return payload instanceof EncodedTerm ? payload.bytes.length : binaryBytes(payload, 2);
}

/** The bytes of the binaries in a message, as far as they are found without a search. */
function binaryBytes(term: Term, depth: number): number {
  if (term instanceof Tuple) {
    if (depth === 0) return 0;
    const { elements } = term;
    let bytes = 0;
    for (let i = 0; i < elements.length; i++) bytes += binaryBytes(elements[i]!, depth - 1);
    return bytes;
  }
  return ArrayBuffer.isView(term) ? term.byteLength : 0;
}

/** As {@link knownBytes}, of those that a writer copies even if it is told to refer to large ones. */
function copiedBytes(term: Payload, depth: number): number {
  if (term instanceof EncodedTerm) return copiedBytes(term.bytes, 0);
  if (term instanceof Uint8Array) return term.length < FRAGMENT_BYTES ? term.length : 0;
  if (depth === 0 || !(term instanceof Tuple)) return 0;
  return term.elements.reduce((sum: number, element) => sum + copiedBytes(element, depth - 1), 0);
}
