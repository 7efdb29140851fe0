/**
 * The TCP socket on which other nodes reach us. Bounds how many sockets may be in their handshake
 * at once, since nobody has proved anything yet at that point.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { ConnectionError } from '../errors.ts';

export interface ListenerOptions {
  /** address to bind, `0.0.0.0` for all */
  readonly host: string;
  /** TCP port, 0 for any free one */
  readonly tcpPort: number;
  /** sockets kept before {@link Listener.accept}, beyond which they are closed; default 128 */
  readonly maxHeld?: number;
  /** whether one more socket from this address may start its handshake */
  readonly admit: (remoteAddress: string | undefined) => boolean;
  readonly onSocket: (socket: Socket) => void;
  /** the listening socket failed after it was bound */
  readonly onError: (error: Error) => void;
}

/** A cluster's worth of peers that dial us while we start. */
const DEFAULT_MAX_HELD = 128;

export class Listener {
  readonly #server: Server;
  readonly #options: ListenerOptions;
  readonly #held: Socket[] = [];
  #accepting = false;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, this.#onConnection);
  }

  /**
   * Binds the socket. Connections are held until {@link accept}: the port must be known before the
   * node can register, and the node must be registered before it knows its creation.
   *
   * @throws {ConnectionError} `unreachable` when the address cannot be bound, with the cause
   */
  static listen(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    return new Promise((resolve, reject) => {
      const onError = (cause: Error): void => {
        const where = `${options.host}:${options.tcpPort}`;
        const message = `cannot listen for other nodes on ${where}: ${cause.message}`;
        reject(new ConnectionError('unreachable', message, { cause }));
      };
      listener.#server.once('error', onError);
      listener.#server.listen({ host: options.host, port: options.tcpPort }, () => {
        listener.#server.off('error', onError);
        listener.#server.on('error', options.onError);
        resolve(listener);
      });
    });
  }

  get tcpPort(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Hands over the sockets held so far and all later ones. */
  accept(): void {
    this.#accepting = true;
    for (const socket of this.#held.splice(0)) this.#admit(socket);
  }

  /** Stops listening; sockets that were handed over are the business of others. */
  close(): Promise<void> {
    for (const socket of this.#held.splice(0)) socket.destroy();
    return new Promise((resolve) => {
      if (!this.#server.listening) resolve();
      // The callback waits for open connections too, which end on their own; the port is free at once.
      else this.#server.close(() => resolve());
    });
  }

  readonly #onConnection = (socket: Socket): void => {
    if (this.#accepting) this.#admit(socket);
    else this.#hold(socket);
  };

  #hold(socket: Socket): void {
    socket.on('error', ignoreErrorBeforeHandshake);
    if (this.#held.length >= (this.#options.maxHeld ?? DEFAULT_MAX_HELD)) {
      socket.destroy();
      return;
    }
    this.#held.push(socket);
  }

  #admit(socket: Socket): void {
    socket.off('error', ignoreErrorBeforeHandshake);
    if (this.#options.admit(socket.remoteAddress)) this.#options.onSocket(socket);
    else socket.destroy();
  }
}

/** A socket that breaks before its handshake began concerns nobody; 'close' follows and ends it. */
function ignoreErrorBeforeHandshake(): void {}
