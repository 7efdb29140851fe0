/**
 * Joins `node:http` to a request handler: each incoming message becomes an {@link Exchange}, and each
 * socket is watched so that the exchanges on it learn when the client has gone.
 *
 * On one connection several requests may be under way (pipelining). Node starts them as they come and
 * sends their responses in order.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { HttpError, type HttpErrorCode } from './errors.ts';
import { Exchange, type ExchangeOptions, type Expectation } from './exchange.ts';
import type { LeanResponse } from './lean-messages.ts';
import type { ErrorResponses, RequestHandler } from './messages.ts';
import { rawResponse } from './raw-response.ts';
import { REQUEST_ID_HEADER, RequestIds } from './request-id.ts';
import { ResponseHeads } from './response-heads.ts';

/** Larger bodies are refused: the service has no use for any. */
export const DEFAULT_MAX_BODY_BYTES = 64 * 1024;

const DEFAULT_LINGER_MS = 2000;
const DEFAULT_LINGER_BYTES = 4 * 1024 * 1024;
const DEFAULT_KEEP_ALIVE_MS = 5000;
const DEFAULT_STALL_MS = 30_000;

export interface AdapterOptions {
  readonly handle: RequestHandler;
  readonly errors: ErrorResponses;
  readonly telemetry: Pick<Telemetry, 'execute' | 'hasHandlers'>;
  readonly maxBodyBytes?: number;
  readonly lingerMs?: number;
  readonly lingerBytes?: number;
  /** how long a client may take nothing of a streamed response before it is cut off; default 30 s */
  readonly stallMs?: number;
  /** monotonic milliseconds, for durations */
  readonly now?: () => number;
  readonly generateRequestId?: () => string;
  /** how long a connection may stay without a request, which is told to clients; default 5 s */
  readonly keepAliveTimeoutMs?: number;
}

interface Connection {
  readonly socket: Duplex;
  /** nearly always one; a `Set` would allocate with each request */
  readonly running: Exchange[];
  /** the latest request: the only one whose body may still be on its way */
  latest: Exchange | undefined;
  /** bytes came that are no request; answered when those before it are */
  refusal: HttpErrorCode | undefined;
}

export class Adapter {
  readonly #options: ExchangeOptions;
  readonly #connections = new Map<Duplex, Connection>();
  readonly #onIdle: () => void;
  #draining = false;

  /** @param onIdle called after each exchange that left its connection without another one */
  constructor(options: AdapterOptions, onIdle: () => void = () => undefined) {
    this.#onIdle = onIdle;
    const ids = new RequestIds();
    this.#options = {
      handle: options.handle,
      errors: options.errors,
      telemetry: options.telemetry,
      heads: new ResponseHeads({
        keepAliveTimeoutMs: options.keepAliveTimeoutMs ?? DEFAULT_KEEP_ALIVE_MS,
      }),
      maxBodyBytes: options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
      lingerMs: options.lingerMs ?? DEFAULT_LINGER_MS,
      lingerBytes: options.lingerBytes ?? DEFAULT_LINGER_BYTES,
      stallMs: options.stallMs ?? DEFAULT_STALL_MS,
      now: options.now ?? (() => performance.now()),
      generateRequestId: options.generateRequestId ?? (() => ids.next()),
      isLast: (exchange) => this.#isLast(exchange),
      onEnd: (exchange) => this.#ended(exchange),
    };
  }

  /** From now on each connection closes with the response that leaves it idle; endless ones are ended. */
  drain(): void {
    this.#draining = true;
    for (const { running } of this.#connections.values()) {
      for (const exchange of running) exchange.drain();
    }
  }

  /** Whether a request that came on it has not been answered to the last byte. */
  isBusy(socket: Duplex): boolean {
    return (this.#connections.get(socket)?.running.length ?? 0) > 0;
  }

  /** For the events `request`, `checkContinue` and `checkExpectation`. */
  handle(incoming: IncomingMessage, outgoing: LeanResponse, expectation: Expectation): void {
    const connection = this.#connection(incoming.socket);
    const exchange = new Exchange(incoming, outgoing, expectation, this.#options);
    connection.running.push(exchange);
    connection.latest = exchange;
    if (this.#draining) exchange.drain();
    exchange.run();
  }

  /**
   * For the event `clientError`: what came is not HTTP, too long, or too slow.
   *
   * Requests that came whole are answered first, since answers have to keep the order of requests. One
   * whose body broke off fails with this error, and its answer is the last.
   */
  refuse(error: Error, socket: Duplex): void {
    const connection = this.#connections.get(socket);
    if (!socket.writable || ('code' in error && error.code === 'ECONNRESET')) {
      socket.destroy(error);
      return;
    }
    const code = refusalCode(error);
    if (!connection || connection.running.length === 0) {
      this.#answer(socket, code);
      return;
    }
    const { latest } = connection;
    if (latest && connection.running.includes(latest) && !latest.isComplete) {
      latest.bodyFailed(new HttpError(code, error.message, { cause: error }));
    } else {
      connection.refusal ??= code;
    }
  }

  /** Answers bytes that never became a request, in the same shape and with the same headers. */
  #answer(socket: Duplex, code: HttpErrorCode): void {
    const { errors, telemetry, generateRequestId } = this.#options;
    const requestId = generateRequestId();
    const response = errors.forCode(code);
    socket.end(rawResponse(response, { [REQUEST_ID_HEADER]: requestId }), () => socket.destroy());
    telemetry.execute('http.request.refused', {}, { code, status: response.status, requestId });
  }

  #connection(socket: Duplex): Connection {
    const known = this.#connections.get(socket);
    if (known) return known;
    const connection: Connection = {
      socket,
      running: [],
      latest: undefined,
      refusal: undefined,
    };
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      for (const exchange of [...connection.running]) exchange.disconnected();
      this.#connections.delete(socket);
    });
    return connection;
  }

  // `Connection: close` on a response throws away the ones queued behind it.
  #isLast(exchange: Exchange): boolean {
    return this.#draining && this.#connections.get(exchange.socket)?.running.length === 1;
  }

  #ended(exchange: Exchange): void {
    const connection = this.#connections.get(exchange.socket);
    const at = connection?.running.indexOf(exchange) ?? -1;
    if (connection === undefined || at < 0) return;
    connection.running.splice(at, 1);
    if (connection.running.length > 0) return;
    const { refusal, socket } = connection;
    if (refusal && socket.writable) this.#answer(socket, refusal);
    this.#onIdle();
  }
}

const REFUSALS: Readonly<Record<string, HttpErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

function refusalCode(error: Error): HttpErrorCode {
  const code = 'code' in error ? String(error.code) : '';
  return REFUSALS[code] ?? 'malformed_request';
}
