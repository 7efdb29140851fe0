/**
 * One request and its response.
 *
 * ```
 *            head and body handed over            last byte with the kernel
 * handling ───────────────────────────▶ sending ───────────────────────────▶ ended
 *     └────────────── the client leaves, or the response breaks off ────────────▲
 * ```
 *
 * Whatever happens, it ends once, and says so with exactly one `http.request.stop`:
 *
 * - `http.request.start`     {}              method, path, requestId
 * - `http.request.exception` {durationMs}    the same, route, error and inStop: an answer of 500 and
 *                                            above, or a failure that could not be answered
 * - `http.request.stop`      {durationMs}    method, path, requestId, route, status, aborted, error
 *
 * `inStop`: the `error` is in the stop that follows too, so that one line can say all of a request.
 * `aborted` is true if the response was not sent completely; `status` is 499 if no part of it was.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Metadata, Telemetry } from '../telemetry/telemetry.ts';
import { announcedBytes } from './announced-bytes.ts';
import { HttpError } from './errors.ts';
import type { LeanResponse, SentListener } from './lean-messages.ts';
import {
  type BodyChunk,
  type ErrorResponses,
  type HttpResponse,
  type RequestHandler,
  type RequestScope,
  toHttpResponse,
} from './messages.ts';
import { NodeRequest } from './node-request.ts';
import { RequestBody, type RequestBodyOptions, tooLarge } from './request-body.ts';
import { REQUEST_ID_HEADER, requestId } from './request-id.ts';
import type { ResponseHeads } from './response-heads.ts';
import {
  allowsBody,
  byteLength,
  cancelBody,
  isStreamed,
  writeHead,
  writeStream,
} from './response-writer.ts';

export interface ExchangeOptions {
  readonly handle: RequestHandler;
  readonly errors: ErrorResponses;
  readonly telemetry: Pick<Telemetry, 'execute' | 'hasHandlers'>;
  readonly heads: ResponseHeads;
  readonly maxBodyBytes: number;
  /** how long and how much of an unread body is drained before its connection closes */
  readonly lingerMs: number;
  readonly lingerBytes: number;
  /** how long a client may take nothing of a streamed response before it is cut off */
  readonly stallMs: number;
  /** monotonic milliseconds */
  readonly now: () => number;
  readonly generateRequestId: () => string;
  /** asked when the response begins: shall the connection close after it? */
  readonly isLast: (exchange: Exchange) => boolean;
  readonly onEnd: (exchange: Exchange) => void;
}

/** What the client expects before it sends its body. */
export type Expectation = 'none' | 'continue' | 'unknown';

const STATUS_NOT_SENT = 499;

/** How long a client may take for what is on its way to it when an endless response is ended. */
const LAST_BYTES_MS = 250;

export class Exchange implements RequestScope, RequestBodyOptions, SentListener {
  readonly requestId: string;
  /** by which the adapter knows its connection */
  readonly socket: Duplex;
  readonly #in: IncomingMessage;
  readonly #out: LeanResponse;
  readonly #options: ExchangeOptions;
  readonly #expectation: Expectation;
  readonly #hasBody: boolean;
  readonly #startedAt: number;
  #body: RequestBody | undefined;
  #controller: AbortController | undefined;
  /** ends an endless body */
  #endless: AbortController | undefined;
  #draining = false;
  #route: string | undefined;
  #error: { readonly value: unknown } | undefined;
  #isWatched = false;
  #ended = false;
  #disconnected = false;

  constructor(
    incoming: IncomingMessage,
    outgoing: LeanResponse,
    expectation: Expectation,
    options: ExchangeOptions,
  ) {
    this.#in = incoming;
    this.socket = incoming.socket;
    this.#out = outgoing;
    this.#options = options;
    this.#expectation = expectation;
    this.#startedAt = options.now();
    const claimed = incoming.headers[REQUEST_ID_HEADER];
    this.requestId = requestId(
      typeof claimed === 'string' ? claimed : undefined,
      options.generateRequestId,
    );
    this.#hasBody = announcedBytes(incoming) !== 0;
  }

  // Few requests have one, and fewer handlers want it.
  get body(): RequestBody {
    this.#body ??= new RequestBody(this.#in, this, this.#expectation === 'continue');
    return this.#body;
  }

  get maxBytes(): number {
    return this.#options.maxBodyBytes;
  }

  onFirstRead(): void {
    const out = this.#out;
    if (this.#expectation === 'continue' && !out.hasBegun) out.writeContinue();
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#disconnected) this.#controller.abort(disconnection());
    }
    return this.#controller.signal;
  }

  get isGone(): boolean {
    return this.#disconnected;
  }

  get remoteAddress(): string | undefined {
    return this.#in.socket.remoteAddress;
  }

  header(name: string): string | undefined {
    const value = this.#in.headers[name];
    return typeof value === 'object' ? value.join(', ') : value;
  }

  /** True once all of the request has come. */
  get isComplete(): boolean {
    return this.#in.complete;
  }

  matched(route: string): void {
    this.#route = route;
  }

  failed(error: unknown): void {
    this.#error ??= { value: error };
  }

  /** Handles and answers the request, at once where the handler does not wait for anything. Never throws. */
  run(): void {
    this.#tellStart();
    const response = this.#respond();
    if (response instanceof Promise) void response.then((late) => this.#answer(late));
    else this.#answer(response);
  }

  #answer(response: HttpResponse): void {
    if (!this.#sendWhole(response)) void this.#answerSlowly(response);
  }

  /** Sends a response that is there in one piece, if nothing more has to be thought of. */
  #sendWhole(response: HttpResponse): boolean {
    if (isStreamed(response.body) || this.#disconnected || this.#hasBody) return false;
    if (this.#options.isLast(this)) return false;
    if (this.#sendAtOnce(response)) return true;
    this.#watchFinish();
    try {
      writeHead(this.#out, response, this.requestId);
    } catch (error) {
      this.failed(error);
      void this.#recover(error);
      return true;
    }
    this.#out.end(this.#isHeadOnly(response.status) ? '' : (response.body ?? ''));
    return true;
  }

  /** Sends text that is ASCII past most of `node:http`. */
  #sendAtOnce({ status, headers, body }: HttpResponse): boolean {
    if (typeof body !== 'string' || this.#expectation !== 'none') return false;
    const length = byteLength(body);
    if (length !== body.length) return false;
    const head = this.#options.heads.text(status, headers, this.requestId, length);
    if (head === undefined) return false;
    return this.#out.sendAtOnce(status, this.#isHeadOnly(status) ? head : head + body, this);
  }

  #isHeadOnly(status: number): boolean {
    return this.#in.method === 'HEAD' || !allowsBody(status);
  }

  /** For the response: its last byte is with the kernel. */
  sent(): void {
    this.#end();
  }

  #watchFinish(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    this.#out.once('finish', () => this.#end());
  }

  async #answerSlowly(response: HttpResponse): Promise<void> {
    if (this.#disconnected) return this.#abandon(response);
    try {
      await this.#send(response);
    } catch (error) {
      this.failed(error);
      await this.#recover(error);
    }
  }

  /** The client has gone: nothing more can be read or sent. */
  disconnected(): void {
    if (this.#ended) return;
    this.#disconnected = true;
    if (this.#hasBody) this.body.fail(disconnection());
    this.#controller?.abort(disconnection());
    this.#endless?.abort();
    this.#end();
  }

  /** The server drains: a response without an end of its own is ended. */
  drain(): void {
    this.#draining = true;
    if (this.#endless !== undefined) this.#endNow(this.#endless);
  }

  /** What follows on the connection is not HTTP: the rest of the body will never be understood. */
  bodyFailed(error: HttpError): void {
    this.body.fail(error);
  }

  #respond(): HttpResponse | Promise<HttpResponse> {
    try {
      this.#refuse();
      const result = this.#options.handle(new NodeRequest(this.#in, this), this);
      if (!(result instanceof Promise)) return toHttpResponse(result);
      return result.then(toHttpResponse).catch((error: unknown) => this.#failure(error));
    } catch (error) {
      return this.#failure(error);
    }
  }

  #failure(error: unknown): HttpResponse {
    this.failed(error);
    return this.#options.errors.forError(error);
  }

  /** Throws for a request that no handler shall see. */
  #refuse(): void {
    const hosts = countHosts(this.#in.rawHeaders);
    if (hosts > 1 || (hosts === 0 && this.#in.httpVersion === '1.1')) {
      throw new HttpError('malformed_request', `expected one Host header, got ${hosts}`);
    }
    if (this.#hasBody && this.body.exceedsLimit) throw tooLarge(this.#options.maxBodyBytes);
    if (this.#expectation === 'unknown') {
      throw new HttpError('expectation_failed', 'expected no expectation but 100-continue');
    }
  }

  async #send(response: HttpResponse): Promise<void> {
    const out = this.#out;
    const { body, status } = response;
    this.#watchFinish();
    const hasBody = !this.#isHeadOnly(status);
    const streams = hasBody && isStreamed(body);
    // A response that streams while its request is being read may still see the end of it.
    const closes =
      this.#options.isLast(this) ||
      (this.body.remainder !== 'bounded' && !(streams && this.body.used));
    writeHead(out, response, this.requestId, closes);
    if (streams) {
      out.flushHeaders();
      const over = response.endless === true ? this.#untilDrained() : this.signal;
      await writeStream(out, body, over, this.#options.stallMs);
    } else {
      await cancelBody(body);
    }
    if (this.#disconnected) return;
    const whole = hasBody && !isStreamed(body) && body !== null ? body : '';
    await this.#finish(whole, closes);
  }

  /** Aborted when an endless body has to end: with the client, or with the server. */
  #untilDrained(): AbortSignal {
    const endless = new AbortController();
    this.#endless = endless;
    if (this.#disconnected) endless.abort();
    else if (this.#draining) this.#endNow(endless);
    return endless.signal;
  }

  /** Ends an endless body. A client that reads nothing any more must not hold up the server's end. */
  #endNow(endless: AbortController): void {
    endless.abort();
    const timer = setTimeout(() => this.#out.destroy(), LAST_BYTES_MS);
    this.#out.once('close', () => clearTimeout(timer));
  }

  /** Sends the rest of the response, and does with the rest of the request what is left to do. */
  async #finish(rest: BodyChunk, closes: boolean): Promise<void> {
    const out = this.#out;
    const { remainder } = this.body;
    if (remainder === 'unbounded') {
      // The client gets all of its answer at once; only the end of the connection waits.
      if (rest.length > 0) out.write(rest);
      else out.flushHeaders();
      await this.body.drain(this.#options.lingerBytes, this.#options.lingerMs);
      out.end();
    } else {
      out.end(rest);
    }
    if (remainder !== 'bounded' && !closes && !this.#in.complete) {
      out.once('finish', () => this.#in.socket.destroySoon());
    }
    if (this.body.exists) this.body.discard();
  }

  /** The response could not be sent: another one if none has begun, otherwise an end that shows. */
  async #recover(error: unknown): Promise<void> {
    if (this.#ended) return this.#report(error);
    if (this.#out.hasBegun) {
      // Without the last chunk the client knows that the response is not complete.
      this.#out.destroy();
      this.#end(true);
      return;
    }
    try {
      await this.#send(this.#options.errors.forCode('internal'));
    } catch (second) {
      this.#report(second);
      this.#out.destroy();
      this.#end(true);
    }
  }

  /** The handler came back after the client had gone. */
  async #abandon(response: HttpResponse): Promise<void> {
    // Handlers are expected to fail once their signal is aborted; anything else shall be seen.
    if (this.#error && !isAbort(this.#error.value)) this.#report(this.#error.value);
    try {
      await cancelBody(response.body);
    } catch (error) {
      this.#report(error);
    }
  }

  #end(brokenOff = false): void {
    if (this.#ended) return;
    this.#ended = true;
    // What a connection takes along with it when it ends has `finished` for Node, too.
    const aborted = brokenOff || this.#disconnected || this.socket.destroyed;
    const status = this.#out.hasBegun ? this.#out.statusCode : STATUS_NOT_SENT;
    const failed = (brokenOff && !this.#isClientsFault) || (status >= 500 && !this.#disconnected);
    const error = failed ? this.#error?.value : undefined;
    if (failed && this.#error) this.#report(error, true);
    this.#tellStop(status, aborted, error);
    this.#options.onEnd(this);
  }

  get #isClientsFault(): boolean {
    const error = this.#error?.value;
    return error instanceof HttpError && error.code === 'client_too_slow';
  }

  #tellStart(): void {
    const { telemetry } = this.#options;
    if (!telemetry.hasHandlers('http.request.start')) return;
    telemetry.execute('http.request.start', {}, this.#description());
  }

  #report(error: unknown, inStop = false): void {
    const metadata = { ...this.#description(), error, inStop };
    this.#options.telemetry.execute('http.request.exception', this.#elapsed(), metadata);
  }

  // For every request, so all of it at once: objects that are put together from others take ten times as long.
  #tellStop(status: number, aborted: boolean, error: unknown): void {
    const { telemetry } = this.#options;
    if (!telemetry.hasHandlers('http.request.stop')) return;
    telemetry.execute('http.request.stop', this.#elapsed(), {
      method: this.#in.method,
      path: pathOf(this.#in.url ?? '/'),
      route: this.#route,
      requestId: this.requestId,
      status,
      aborted,
      error,
    });
  }

  #description(): Metadata {
    return {
      method: this.#in.method,
      path: pathOf(this.#in.url ?? '/'),
      route: this.#route,
      requestId: this.requestId,
    };
  }

  #elapsed(): { durationMs: number } {
    return { durationMs: this.#options.now() - this.#startedAt };
  }
}

// `headers` keeps the first of several hosts; `headersDistinct` would parse all headers once more.
function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts;
}

/** Without what does not belong into logs: the query, and in a target as for a proxy the credentials. */
function pathOf(target: string): string {
  const end = target.indexOf('?');
  const path = end < 0 ? target : target.slice(0, end);
  return path.startsWith('/') ? path : path.replace(/\/\/[^/]*@/, '//');
}

function disconnection(): HttpError {
  return new HttpError('client_disconnected', 'the client has closed the connection');
}

function isAbort(error: unknown): boolean {
  if (error instanceof HttpError) return error.code === 'client_disconnected';
  return error instanceof Error && error.name === 'AbortError';
}
