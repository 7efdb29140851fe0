/**
 * Frames: the length-prefixed bodies that a distribution connection is made of.
 *
 * During the handshake the prefix has 2 bytes, afterwards 4 (over TLS always 4). A body of length
 * 0 after the handshake is a tick. This file knows nothing of what bodies mean.
 */
import { ByteReader } from '../bytes/reader.ts';
import { FrameError } from '../errors.ts';

/** Bytes of a frame's length prefix: 2 during the handshake, 4 after it. */
export type PrefixBytes = 2 | 4;

export interface FrameParserOptions {
  readonly prefixBytes: PrefixBytes;
  /** longest body accepted; a longer announcement is refused before anything is allocated */
  readonly maxFrameBytes: number;
}

/** Bodies that span chunks are gathered in a buffer that starts at most this large. */
const INITIAL_GATHER_BYTES = 128 * 1024;

/** What a {@link BodyTaker} is shown of a body: enough for it to know a later fragment of a message. */
export const BODY_HEAD_BYTES = 18;

/** Takes bodies as they come, so that a large one need not be gathered only to be copied on. */
export interface BodyTaker {
  /**
   * Shown how a body begins that has not come whole.
   *
   * @param head its first {@link BODY_HEAD_BYTES}
   * @returns whether the rest is to be given to {@link take}, and only the head to whoever reads bodies
   */
  accepts(head: Uint8Array): boolean;
  /** The next bytes of the accepted body; not to be kept. */
  take(part: Uint8Array): void;
}

const EMPTY = new Uint8Array(0);

/** What keeps a quiet connection alive: a frame without a body. Never modify it. */
export const TICK_FRAME: Uint8Array = new Uint8Array(4);

/**
 * Puts a length prefix before `body`.
 *
 * Shape: length:prefixBytes (big-endian), body.
 *
 * @returns a new array that holds a copy of `body`
 * @throws {FrameError} `frame_too_long` when the length does not fit in the prefix
 */
export function frame(body: Uint8Array, prefixBytes: PrefixBytes): Uint8Array {
  const longest = 2 ** (8 * prefixBytes) - 1;
  if (body.length > longest) {
    throw new FrameError(
      'frame_too_long',
      `a ${prefixBytes}-byte prefix allows at most ${longest} bytes, got ${body.length}`,
    );
  }
  const framed = new Uint8Array(prefixBytes + body.length);
  for (let i = 0; i < prefixBytes; i += 1) {
    framed[i] = (body.length >>> (8 * (prefixBytes - 1 - i))) & 0xff;
  }
  framed.set(body, prefixBytes);
  return framed;
}

/**
 * Cuts a stream of bytes, arriving in chunks of any size, into frame bodies.
 *
 * ```
 *            prefix complete, within the limit
 *   prefix ────────────────────────────────────> body
 *     ▲  ╲ prefix too large                        │
 *     │   ╰────────> failed (for good)             │
 *     ╰────────────────────────────────────────────╯ body complete: handed out
 * ```
 *
 * A body that lies inside one chunk is returned as a view of that chunk (no copy); one that spans
 * chunks is copied once as its bytes arrive, into a buffer that grows with what has really come,
 * so that announcing a length costs a peer as much as it costs us, or given to a {@link BodyTaker}.
 */
export class FrameParser {
  #prefixBytes: PrefixBytes;
  #maxFrameBytes: number;
  #error: FrameError | undefined;

  // Input not consumed yet: chunks[index] from #offset on, then the later ones.
  #chunks: Uint8Array[] = [];
  #index = 0;
  #offset = 0;

  // The prefix read so far, and, once it is complete, the length of the body.
  #prefixRead = 0;
  #prefixValue = 0;
  #bodyBytes: number | undefined;

  readonly #reader = new ByteReader(EMPTY);

  // A body that spans chunks: what was read of it, and how many bytes, those that were taken included.
  readonly #head = new Uint8Array(BODY_HEAD_BYTES);
  #gathered: Uint8Array | undefined;
  #bodyRead = 0;
  #isTaken = false;

  constructor(options: FrameParserOptions) {
    this.#prefixBytes = options.prefixBytes;
    this.#maxFrameBytes = options.maxFrameBytes;
  }

  /**
   * Adds received bytes. The parser keeps views of `chunk`; do not modify it afterwards.
   *
   * @throws {FrameError} the earlier error, when the parser has failed
   */
  push(chunk: Uint8Array): void {
    if (this.#error) throw this.#error;
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /**
   * The next complete body, empty for a tick, or `undefined` when more bytes are needed. Bodies
   * are views of pushed chunks or fresh arrays; the parser never touches them again.
   *
   * @throws {FrameError} `frame_too_long`; from then on every call throws it
   */
  next(): Uint8Array | undefined {
    if (!this.advance(this.#reader)) return undefined;
    return this.#reader.rest();
  }

  /**
   * As {@link next}, without an array for each body: sets `reader` to the next complete one.
   *
   * @param taker may take bodies that span chunks; of those the reader gets the head alone
   * @returns whether there was one
   */
  advance(reader: ByteReader, taker?: BodyTaker): boolean {
    if (this.#error) throw this.#error;
    const bodyBytes = this.#bodyBytes ?? this.#readPrefix();
    if (bodyBytes === undefined || !this.#readBody(bodyBytes, reader, taker)) return false;
    this.#bodyBytes = undefined;
    return true;
  }

  /**
   * Changes the prefix at the border between two frames, as at the end of the handshake. Bytes
   * that are buffered already, even the beginning of a prefix, are read in the new form.
   *
   * @throws {FrameError} `unexpected_body` when a body has begun in the old form
   */
  usePrefix(prefixBytes: PrefixBytes, maxFrameBytes: number): void {
    if (this.#error) throw this.#error;
    if (this.#bodyBytes !== undefined || this.#prefixRead >= prefixBytes) {
      throw new FrameError(
        'unexpected_body',
        `expected the border between two frames when changing to a ${prefixBytes}-byte prefix, found a frame that has begun`,
      );
    }
    this.#prefixBytes = prefixBytes;
    this.#maxFrameBytes = maxFrameBytes;
  }

  #readPrefix(): number | undefined {
    const whole = this.#chunks[this.#index];
    const at = this.#offset;
    // The usual case: all four bytes are there.
    if (this.#prefixBytes === 4 && this.#prefixRead === 0 && whole && at + 4 < whole.length) {
      const bodyBytes =
        whole[at]! * 0x1000000 + ((whole[at + 1]! << 16) | (whole[at + 2]! << 8) | whole[at + 3]!);
      if (bodyBytes > this.#maxFrameBytes) this.#fail(bodyBytes);
      this.#offset = at + 4;
      this.#bodyBytes = bodyBytes;
      return bodyBytes;
    }
    while (this.#prefixRead < this.#prefixBytes) {
      const chunk = this.#chunks[this.#index];
      if (chunk === undefined) return this.#needMore();
      // Multiplication, not a shift: four bytes make an unsigned number.
      this.#prefixValue = this.#prefixValue * 256 + chunk[this.#offset]!;
      this.#prefixRead += 1;
      this.#consume(chunk, 1);
    }
    const bodyBytes = this.#prefixValue;
    if (bodyBytes > this.#maxFrameBytes) {
      this.#fail(bodyBytes);
    }
    this.#prefixRead = 0;
    this.#prefixValue = 0;
    this.#bodyBytes = bodyBytes;
    return bodyBytes;
  }

  #readBody(bodyBytes: number, reader: ByteReader, taker: BodyTaker | undefined): boolean {
    if (bodyBytes === 0) {
      reader.reset(EMPTY, 0, 0);
      return true;
    }
    for (;;) {
      const chunk = this.#chunks[this.#index];
      if (chunk === undefined) return this.#needMore() ?? false;
      const available = chunk.length - this.#offset;
      if (this.#bodyRead === 0 && available >= bodyBytes) {
        reader.reset(chunk, this.#offset, this.#offset + bodyBytes);
        this.#consume(chunk, bodyBytes);
        return true;
      }
      this.#readPart(chunk, available, bodyBytes, taker);
      if (this.#bodyRead === bodyBytes) {
        reader.reset(this.#gathered!, 0, this.#isTaken ? BODY_HEAD_BYTES : bodyBytes);
        this.#gathered = undefined;
        this.#bodyRead = 0;
        this.#isTaken = false;
        return true;
      }
    }
  }

  /** The head of a body first, since it tells where the rest goes. */
  #readPart(
    chunk: Uint8Array,
    available: number,
    bodyBytes: number,
    taker: BodyTaker | undefined,
  ): void {
    const hasHead = this.#bodyRead >= BODY_HEAD_BYTES || bodyBytes <= BODY_HEAD_BYTES;
    const end = taker === undefined || hasHead ? bodyBytes : BODY_HEAD_BYTES;
    const bytes = Math.min(available, end - this.#bodyRead);
    const part = chunk.subarray(this.#offset, this.#offset + bytes);
    this.#consume(chunk, bytes);
    if (this.#isTaken) taker!.take(part);
    else this.#gather(part, bodyBytes, end);
    this.#bodyRead += bytes;
    if (!hasHead && this.#bodyRead === BODY_HEAD_BYTES && this.#gathered === this.#head) {
      this.#isTaken = taker?.accepts(this.#head) ?? false;
    }
  }

  /** Copies `part` behind what was gathered. Capacity doubles, but never beyond the body. */
  #gather(part: Uint8Array, bodyBytes: number, end: number): void {
    const needed = this.#bodyRead + part.length;
    let gathered = this.#gathered;
    if (gathered === undefined || gathered.length < needed) {
      const doubled = Math.max(
        INITIAL_GATHER_BYTES,
        gathered === undefined ? 0 : gathered.length * 2,
      );
      // The head of a body that may be taken is not worth a buffer of its own.
      const capacity = Math.min(bodyBytes, Math.max(doubled, needed));
      const grown = end < bodyBytes ? this.#head : new Uint8Array(capacity);
      if (gathered !== undefined) grown.set(gathered.subarray(0, this.#bodyRead));
      gathered = grown;
      this.#gathered = grown;
    }
    gathered.set(part, this.#bodyRead);
  }

  #consume(chunk: Uint8Array, bytes: number): void {
    this.#offset += bytes;
    if (this.#offset === chunk.length) {
      this.#index += 1;
      this.#offset = 0;
    }
  }

  /** Every chunk has been consumed: let go of them all at once, so that none is shifted singly. */
  #needMore(): undefined {
    if (this.#index > 0) {
      this.#chunks = [];
      this.#index = 0;
    }
    return undefined;
  }

  #fail(bodyBytes: number): never {
    this.#error = new FrameError(
      'frame_too_long',
      `expected a frame of at most ${this.#maxFrameBytes} bytes, the peer announced ${bodyBytes}`,
    );
    this.#chunks = [];
    this.#gathered = undefined;
    throw this.#error;
  }
}
