import { ByteWriter } from '../bytes/writer.ts';
import { encodeTerm } from '../terms/encode.ts';
import { VERSION_MAGIC } from '../terms/tags.ts';
import type { Term, Tuple } from '../terms/term.ts';
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

/**
 * Room left before the terms, which are written first because only they tell which atoms the
 * header must list. Nearly every head fits; then it is put right before the terms without a copy.
 */
const HEAD_ROOM = new Uint8Array(96);

const FIRST_CAPACITY = 1024;

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
  #terms = new ByteWriter(FIRST_CAPACITY);
  readonly #head = new ByteWriter();
  #lastSequenceId = 0n;

  /** @param flags the negotiated capability bits */
  constructor(flags: bigint) {
    this.#format = messageFormat(flags);
  }

  /**
   * Encodes a control message and, where its operation has one, the payload.
   *
   * @returns complete frames with their length, in order; they belong to the caller
   * @throws {TermError} `unencodable` or `limit_exceeded`; nothing is to be sent then, and the
   * encoder remains usable
   */
  encode(control: Tuple, payload?: Term): Uint8Array[] {
    try {
      return this.#format.header
        ? this.#withHeader(control, payload)
        : [this.#passThrough(control, payload)];
    } catch (error) {
      // The buffer may have grown with a large message; it must not outlive the failure.
      this.#terms = new ByteWriter(FIRST_CAPACITY);
      throw error;
    }
  }

  #passThrough(control: Tuple, payload: Term | undefined): Uint8Array {
    const writer = this.#terms;
    writer.u32(0);
    writer.u8(PASS_THROUGH);
    writer.u8(VERSION_MAGIC);
    encodeTerm(writer, control);
    if (payload !== undefined) {
      writer.u8(VERSION_MAGIC);
      encodeTerm(writer, payload);
    }
    writer.patchU32(0, writer.length - LENGTH_BYTES);
    return writer.take();
  }

  #withHeader(control: Tuple, payload: Term | undefined): Uint8Array[] {
    const controlEnd = this.#encodeTerms(control, payload);
    const bytes = this.#terms.take();
    const termBytes = bytes.length - HEAD_ROOM.length;
    if (payload === undefined || termBytes <= FRAGMENT_BYTES || !this.#format.fragments) {
      return [this.#joinHead(this.#wholeHead(termBytes), bytes)];
    }
    return this.#fragment(bytes, controlEnd);
  }

  /** Writes room for the head and the terms; returns where the control message ends. */
  #encodeTerms(control: Tuple, payload: Term | undefined): number {
    const writer = this.#terms;
    const sink = this.#format.atomCache ? this.#atoms : undefined;
    writer.bytes(HEAD_ROOM);
    try {
      encodeTerm(writer, control, sink);
      const controlEnd = writer.length;
      if (payload !== undefined) encodeTerm(writer, payload, sink);
      return controlEnd;
    } catch (error) {
      this.#atoms.discard();
      throw error;
    }
  }

  #wholeHead(termBytes: number): Uint8Array {
    const head = this.#head;
    head.truncate(0);
    head.u32(0);
    head.u8(VERSION_MAGIC);
    head.u8(DIST_HEADER);
    this.#atoms.writeHeader(head);
    head.patchU32(0, head.length - LENGTH_BYTES + termBytes);
    return head.view();
  }

  /** One array of `head` and the terms, which `bytes` holds behind the room left for the head. */
  #joinHead(head: Uint8Array, bytes: Uint8Array): Uint8Array {
    const start = HEAD_ROOM.length - head.length;
    if (start >= 0) {
      bytes.set(head, start);
      return bytes.subarray(start);
    }
    return Buffer.concat([head, bytes.subarray(HEAD_ROOM.length)]);
  }

  /**
   * Cuts the terms every {@link FRAGMENT_BYTES}, but never inside the control message, which must
   * lie whole in the first fragment.
   */
  #fragment(bytes: Uint8Array, controlEnd: number): Uint8Array[] {
    const firstEnd = Math.max(HEAD_ROOM.length + FRAGMENT_BYTES, controlEnd);
    const later = Math.ceil((bytes.length - firstEnd) / FRAGMENT_BYTES);
    this.#lastSequenceId += 1n;

    const first = bytes.subarray(0, firstEnd);
    const head = this.#firstHead(BigInt(later + 1), firstEnd - HEAD_ROOM.length);
    const frames = [this.#joinHead(head, first)];
    for (let fragmentId = later; fragmentId > 0; fragmentId -= 1) {
      const start = firstEnd + (later - fragmentId) * FRAGMENT_BYTES;
      frames.push(this.#continuation(bytes.subarray(start, start + FRAGMENT_BYTES), fragmentId));
    }
    return frames;
  }

  #firstHead(fragmentId: bigint, termBytes: number): Uint8Array {
    const head = this.#head;
    this.#beginFragment(DIST_FRAG_HEADER, fragmentId);
    this.#atoms.writeHeader(head);
    head.patchU32(0, head.length - LENGTH_BYTES + termBytes);
    return head.view();
  }

  #continuation(part: Uint8Array, fragmentId: number): Uint8Array {
    const head = this.#head;
    this.#beginFragment(DIST_FRAG_CONT, BigInt(fragmentId));
    head.patchU32(0, CONTINUATION_HEAD_BYTES - LENGTH_BYTES + part.length);
    return Buffer.concat([head.view(), part], CONTINUATION_HEAD_BYTES + part.length);
  }

  #beginFragment(tag: number, fragmentId: bigint): void {
    const head = this.#head;
    head.truncate(0);
    head.u32(0);
    head.u8(VERSION_MAGIC);
    head.u8(tag);
    head.u64(this.#lastSequenceId);
    head.u64(fragmentId);
  }
}
