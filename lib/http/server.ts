/**
 * The listening socket of the HTTP service, from `start` to the last response.
 *
 * ```
 * HttpServer.start ──▶ listening ──shutdown──▶ draining ──last response, or graceMs──▶ exited
 *                          └──────────────────── kill ─────────────────────────────────▲
 * ```
 *
 * Draining: what has arrived is accepted and read, and nothing after it. Connections between two requests
 * close at once, those that have not said anything yet after `silentGraceMs`; running requests are
 * finished, responses without an end are ended, and each connection closes after its last response. What
 * is not done within `graceMs` is cut off.
 *
 * A client that ends its side of a connection counts as gone, as in Node by default: nothing else could
 * tell a client that left from one that only has no further request.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Adapter, type AdapterOptions } from './adapter.ts';
import { authority, ListenError } from './errors.ts';
import { LeanRequest, LeanResponse } from './lean-messages.ts';

export interface HttpServerOptions extends AdapterOptions {
  readonly host: string;
  /** 0 takes any free one */
  readonly tcpPort: number;
  /** how long running requests may take to finish after `shutdown` */
  readonly graceMs?: number;
  /** how long, after `shutdown`, a client that has just connected may take to send its request */
  readonly silentGraceMs?: number;
  /** from the first byte of a request (or the connection's begin) to the end of its headers */
  readonly headersTimeoutMs?: number;
  /** from the first byte of a request to its last */
  readonly requestTimeoutMs?: number;
  /**
   * how long a connection may stay without a request. More than the 60 s after which proxies commonly
   * drop theirs, so that no proxy sends a request into a connection we are about to close.
   */
  readonly keepAliveTimeoutMs?: number;
  readonly maxHeaderBytes?: number;
}

/**
 * Closing a listener resets the connections that wait behind it. They are accepted in the first turn of the
 * event loop, their requests are read in the second, and begin in the third.
 */
const TURNS_BEFORE_CLOSE = 3;

/** How the server ended; the same shape as a supervised child's. */
export type HttpServerExit =
  | { readonly type: 'shutdown' }
  | { readonly type: 'killed' }
  | { readonly type: 'error'; readonly error: unknown };

const DEFAULTS = {
  graceMs: 5000,
  silentGraceMs: 500,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  maxHeaderBytes: 16 * 1024,
} as const;

/** A running server. It is a child that a supervisor can start, shut down and kill. */
export class HttpServer {
  /** Settles when the socket and every connection are closed. Never rejects. */
  readonly exited: Promise<HttpServerExit>;
  readonly #server: Server<typeof LeanRequest, typeof LeanResponse>;
  readonly #adapter: Adapter;
  readonly #graceMs: number;
  readonly #silentGraceMs: number;
  readonly #sockets = new Set<Socket>();
  readonly #settle: (exit: HttpServerExit) => void;
  #graceTimer: NodeJS.Timeout | undefined;
  #silentTimer: NodeJS.Timeout | undefined;
  #exit: HttpServerExit | undefined;
  #closed = false;
  #address = { host: '', tcpPort: 0 };

  private constructor(options: HttpServerOptions) {
    const settings = { ...DEFAULTS, ...options };
    this.#graceMs = settings.graceMs;
    this.#silentGraceMs = settings.silentGraceMs;
    let settle: (exit: HttpServerExit) => void = () => undefined;
    this.exited = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settle = settle;
    this.#adapter = new Adapter(settings, () => this.#onIdle());
    this.#server = createServer({
      IncomingMessage: LeanRequest,
      ServerResponse: LeanResponse,
      headersTimeout: settings.headersTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      keepAliveTimeout: settings.keepAliveTimeoutMs,
      maxHeaderSize: settings.maxHeaderBytes,
      connectionsCheckingInterval: Math.min(5000, settings.headersTimeoutMs),
      // Checked by the exchange instead, so that the refusal looks like all the others.
      requireHostHeader: false,
    });
    // All are looked at: one that Node leaves out could be the length of a body. Their bytes are limited.
    this.#server.maxHeadersCount = 0;
    this.#server
      .on('connection', (socket: Socket) => this.#onConnection(socket))
      .on('request', (req, res) => this.#adapter.handle(req, res, 'none'))
      .on('checkContinue', (req, res) => this.#adapter.handle(req, res, 'continue'))
      .on('checkExpectation', (req, res) => this.#adapter.handle(req, res, 'unknown'))
      .on('clientError', (error, socket) => this.#adapter.refuse(error, socket))
      // Tunnels are not offered; without a listener Node would close the socket without a word.
      .on('connect', (_req, socket) =>
        this.#adapter.refuse(new Error('CONNECT is not served'), socket),
      );
  }

  /**
   * Listens, and answers from then on.
   *
   * @throws {ListenError} naming the address, if it cannot be had
   */
  static async start(options: HttpServerOptions): Promise<HttpServer> {
    const server = new HttpServer(options);
    await server.#listen(options.host, options.tcpPort);
    return server;
  }

  /** Where it listens; with the port that was found if any was asked for. */
  get address(): { readonly host: string; readonly tcpPort: number } {
    return this.#address;
  }

  /** `http://host:port`, for messages. */
  get url(): string {
    return `http://${authority(this.#address.host, this.#address.tcpPort)}`;
  }

  /** Begins to drain. Returns at once; `exited` settles within `graceMs`. */
  shutdown(): void {
    if (this.#exit) return;
    this.#exit = { type: 'shutdown' };
    this.#adapter.drain();
    this.#closeAfter(TURNS_BEFORE_CLOSE);
    this.#silentTimer = setTimeout(() => this.#destroySilent(), this.#silentGraceMs);
    this.#graceTimer = setTimeout(() => this.#destroyAll(), this.#graceMs);
  }

  /** Like {@link shutdown}, and waits for the end. */
  async stop(): Promise<void> {
    this.shutdown();
    await this.exited;
  }

  /** Closes everything at once; running requests get no response. */
  kill(): void {
    if (this.#exit?.type !== 'error') this.#exit = { type: 'killed' };
    this.#close();
    this.#destroyAll();
  }

  #listen(host: string, tcpPort: number): Promise<void> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const onFailure = (error: Error) => reject(new ListenError(host, tcpPort, error));
      server.once('error', onFailure);
      server.listen({ host, port: tcpPort }, () => {
        server.off('error', onFailure).on('error', (error) => this.#onFailure(error));
        const bound = server.address() as AddressInfo;
        this.#address = { host: bound.address, tcpPort: bound.port };
        resolve();
      });
    });
  }

  #destroySilent(): void {
    for (const socket of this.#silentSockets()) socket.destroy();
  }

  /** Connections that have not sent a byte yet. */
  #silentSockets(): Socket[] {
    return [...this.#sockets].filter((socket) => socket.bytesRead === 0);
  }

  /**
   * Calls what closes Node's idle connections, which are more than those between two requests: Node.js 26 counts
   * those that have not sent a byte yet, and all count those whose answer Node has, while much of it may still
   * wait for a slow client. Which of the others are idle only Node's parser knows: a request may have begun to
   * arrive.
   */
  #sparingOthers(closeIdle: () => void): void {
    const busy = [...this.#sockets].filter((socket) => this.#adapter.isBusy(socket));
    const others = [...this.#silentSockets(), ...busy];
    for (const socket of others) socket.destroy = () => socket;
    closeIdle();
    for (const socket of others) Reflect.deleteProperty(socket, 'destroy');
  }

  #closeAfter(turns: number): void {
    if (turns === 0) this.#close();
    else setImmediate(() => this.#closeAfter(turns - 1));
  }

  #close(): void {
    if (!this.#server.listening) return;
    const onClosed = () => {
      this.#closed = true;
      this.#settleIfDone();
    };
    this.#sparingOthers(() => this.#server.close(onClosed));
  }

  // Node's server may be closed before its last socket has told its listeners.
  #settleIfDone(): void {
    if (!this.#closed || this.#sockets.size > 0) return;
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#silentTimer);
    this.#settle(this.#exit ?? { type: 'shutdown' });
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#settleIfDone();
    });
  }

  // A response that had begun before the drain could not announce the end of its connection.
  #onIdle(): void {
    if (!this.#exit) return;
    setImmediate(() => this.#sparingOthers(() => this.#server.closeIdleConnections()));
  }

  #onFailure(error: Error): void {
    this.#exit = { type: 'error', error };
    this.#close();
    this.#destroyAll();
  }
}
