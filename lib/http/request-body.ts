/**
 * The body of one incoming request: read once, never beyond its limit, or not at all.
 *
 * Reading pulls from the socket, so a slow reader slows the client down. What is not read is drained
 * within bounds after the response, because closing a socket with unread bytes resets it, and a reset
 * may take the response with it.
 */
import type { IncomingMessage } from 'node:http';
import { announcedBytes } from './announced-bytes.ts';
import { HttpError } from './errors.ts';

export interface RequestBodyOptions {
  readonly maxBytes: number;
  /** called before the first read: the moment to send `100 Continue` */
  readonly onFirstRead: () => void;
}

/** What may happen after the response with the part of a body that nobody has read. */
export type Remainder =
  /** it is here, or its length is known and allowed: drain it and keep the connection */
  | 'bounded'
  /** nobody knows how long it is: drain some of it, then close the connection */
  | 'unbounded'
  /** it will never come, or not in a form that can be read: close the connection */
  | 'lost';

export class RequestBody {
  readonly #request: IncomingMessage;
  readonly #options: RequestBodyOptions;
  readonly #announcedBytes: number | undefined;
  readonly #waiting: boolean;
  #receivedBytes = 0;
  #used = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #listeners:
    | { readonly onProgress: () => void; readonly onError: (cause: Error) => void }
    | undefined;

  /** @param waitsForContinue the client sends nothing before it is told to */
  constructor(request: IncomingMessage, options: RequestBodyOptions, waitsForContinue: boolean) {
    this.#request = request;
    this.#options = options;
    this.#waiting = waitsForContinue;
    this.#announcedBytes = announcedBytes(request);
  }

  get used(): boolean {
    return this.#used;
  }

  /** False for a request that announces no body. */
  get exists(): boolean {
    return this.#announcedBytes !== 0;
  }

  /** Already known to be too large, without having read any of it. */
  get exceedsLimit(): boolean {
    return this.#announcedBytes !== undefined && this.#announcedBytes > this.#options.maxBytes;
  }

  /** What is left of it when the response begins. */
  get remainder(): Remainder {
    if (this.#request.complete) return 'bounded';
    if (this.#failure && !isTooLarge(this.#failure)) return 'lost';
    if (this.#waiting && !this.#used) return 'lost';
    return this.#announcedBytes === undefined || this.exceedsLimit ? 'unbounded' : 'bounded';
  }

  /** Makes the present and all further reading fail. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /** All of it. */
  async bytes(): Promise<Buffer> {
    this.#begin();
    const chunks: Buffer[] = [];
    for (let chunk = await this.#next(); chunk; chunk = await this.#next()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Chunk by chunk, at the pace of the reader. Cancelling leaves the rest to be drained. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: () => this.#begin(),
        pull: async (controller) => {
          const chunk = await this.#next();
          if (chunk) controller.enqueue(chunk);
          else controller.close();
        },
        cancel: () => this.#release(),
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * Throws away what was not read, until the body ends, `maxBytes` have come, `maxMs` have passed or
   * the client has gone.
   */
  drain(maxBytes: number, maxMs: number): Promise<void> {
    this.#abandon();
    const request = this.#request;
    return new Promise((resolve) => {
      let drainedBytes = 0;
      const timer = setTimeout(done, maxMs);
      function count(chunk: Buffer) {
        drainedBytes += chunk.length;
        if (drainedBytes > maxBytes) done();
      }
      function done() {
        clearTimeout(timer);
        request.off('data', count).off('end', done).off('close', done);
        request.pause();
        resolve();
      }
      request.on('end', done).on('close', done).on('data', count);
      if (request.readableEnded || request.destroyed) done();
    });
  }

  /** Lets the rest flow away, so that the connection can carry its next request. */
  discard(): void {
    this.#abandon();
    this.#request.resume();
  }

  #begin(): void {
    if (this.#used) throw new TypeError('the body of a request can be read only once');
    this.#used = true;
    if (!this.exists) return;
    this.#options.onFirstRead();
    const onProgress = (): void => this.#progress();
    const onError = (cause: Error): void => this.#broken(cause);
    // Made only here, since few requests have a body and fewer handlers want it.
    this.#listeners = { onProgress, onError };
    this.#request
      .on('readable', onProgress)
      .on('end', onProgress)
      .on('close', onProgress)
      .on('error', onError);
  }

  async #next(): Promise<Buffer | undefined> {
    if (!this.exists) return undefined;
    for (;;) {
      if (this.#failure) throw this.#failure;
      const chunk: Buffer | null = this.#request.read();
      if (chunk) {
        this.#receivedBytes += chunk.length;
        if (this.#receivedBytes <= this.#options.maxBytes) return chunk;
        this.fail(tooLarge(this.#options.maxBytes));
      } else if (this.#request.readableEnded) {
        this.#release();
        return undefined;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** Nobody shall read any more; a reader that still waits is told so. */
  #abandon(): void {
    this.#release();
    if (this.#used && !this.#request.readableEnded) {
      this.fail(new Error('the response was sent before the body of the request was read'));
    }
  }

  #release(): void {
    if (this.#listeners === undefined) return;
    const { onProgress, onError } = this.#listeners;
    this.#listeners = undefined;
    this.#request
      .off('readable', onProgress)
      .off('end', onProgress)
      .off('close', onProgress)
      .off('error', onError);
  }

  #progress(): void {
    if (this.#request.destroyed && !this.#request.readableEnded) {
      this.fail(new HttpError('client_disconnected', 'the client left while it sent its request'));
    }
    this.#wake?.();
  }

  #broken(cause: Error): void {
    this.fail(
      new HttpError('client_disconnected', 'the client left while it sent its request', { cause }),
    );
  }
}

/** The error of a body beyond the limit. */
export function tooLarge(maxBytes: number): HttpError {
  return new HttpError('body_too_large', `the request has a body of more than ${maxBytes} bytes`);
}

function isTooLarge(error: Error): boolean {
  return error instanceof HttpError && error.code === 'body_too_large';
}
