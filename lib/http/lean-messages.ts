/**
 * The messages of `node:http`, cheaper for what nearly every exchange is: a request without a body, and an
 * answer in one piece. Everything else takes the way it takes in Node.
 *
 * They are given to `createServer`, which makes them in the place of its own. What they leave out is what
 * nobody looks at: the events of a stream without content, and a list of writes that is always of length
 * one. Together that is a quarter of what `node:http` itself takes for a request (`test/bench/README.md`).
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { announcedBytes } from './announced-bytes.ts';

/**
 * A request. The stream of one that announces no body has ended once it is complete, without the events
 * `end` and `close`, as with the option `optimizeEmptyRequests` of Node.js 24 and newer.
 */
export class LeanRequest extends IncomingMessage {
  #hasEnded = false;

  static {
    // An accessor in Node too, which its types call a property, so that `override` is not possible.
    Object.defineProperty(LeanRequest.prototype, 'readableEnded', {
      get(this: LeanRequest): boolean {
        const { prototype } = IncomingMessage;
        return this.#hasEnded || Reflect.get(prototype, 'readableEnded', this) === true;
      },
    });
  }

  /** For the parser: what comes of the body, and its end. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null || announcedBytes(this) !== 0) return super.push(chunk, encoding);
    this.#hasEnded = true;
    return false;
  }

  // Node resumes whatever nobody has read when the response has been sent.
  override resume(): this {
    return this.#hasEnded ? this : super.resume();
  }
}

/** Who is told that a response has been sent. */
export interface SentListener {
  /** the last byte is with the kernel */
  sent(): void;
}

/** A response that can be sent at once. */
export class LeanResponse extends ServerResponse<LeanRequest> {
  #isSent = false;

  /** Whether there is no other answer any more: like `headersSent`, which does not know {@link sendAtOnce}. */
  get hasBegun(): boolean {
    return this.#isSent || this.headersSent;
  }

  /**
   * Sends a whole response with one write.
   *
   * @param message head and body; characters beyond latin1 are lost
   * @param listener told unless the connection ends before, after Node has been (`finish`)
   * @returns false if Node has to do it, since this response has to wait for others before it
   *   (pipelining), or the connection ends with it; nothing is sent then
   */
  sendAtOnce(status: number, message: string, listener: SentListener): boolean {
    const { socket } = this;
    if (socket === null || !socket.writable || !this.shouldKeepAlive) return false;
    this.#isSent = true;
    this.statusCode = status;
    this.finished = true;
    socket.write(message, 'latin1', (error) => {
      // Node calls back without an error for what a connection takes along with it, too.
      if (error || socket.destroyed) return;
      this.emit('finish');
      listener.sent();
    });
    return true;
  }
}
