/**
 * The TCP socket on which other nodes reach us. Bounds how many sockets may be in their handshake
 * at once, since nobody has proved anything yet at that point.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { ConnectionError } from '../errors.ts';

/**
 * The TCP ports on which a node may listen, of which it takes the first free one: both ends belong to
 * the range. 0 to 0: any free one, by the system's choice.
 */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** The range that says nothing. */
export const ANY_PORT: PortRange = { min: 0, max: 0 };

export interface ListenerOptions {
  /** address to bind, `0.0.0.0` for all */
  readonly host: string;
  readonly tcpPorts: PortRange;
  /** TCP ports that are somebody else's, in use or not; default none */
  readonly avoid?: ReadonlySet<number>;
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
   * Binds the socket, as OTP does: to the first port of the range that is free. Connections are held until
   * {@link accept}: the port must be known before the node can register, and the node must be registered
   * before it knows its creation.
   *
   * @throws {ConnectionError} `unreachable` when no port of the range can be bound, with the cause
   */
  static async listen(options: ListenerOptions): Promise<Listener> {
    const { tcpPorts, avoid = new Set() } = options;
    let cause: Error | undefined;
    for (const tcpPort of candidates(tcpPorts)) {
      if (avoid.has(tcpPort)) continue;
      const listener = new Listener(options);
      cause = await listener.#bind(tcpPort);
      if (cause === undefined) {
        if (!avoid.has(listener.tcpPort)) return listener;
        await listener.close();
      } else if (!isInUse(cause)) {
        break;
      }
    }
    throw cannotListen(options, cause);
  }

  /** @returns what the system objects to, if it does */
  #bind(tcpPort: number): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const { host, onError } = this.#options;
      this.#server.once('error', resolve);
      this.#server.listen({ host, port: tcpPort }, () => {
        this.#server.off('error', resolve);
        this.#server.on('error', onError);
        resolve(undefined);
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

/** How often the system may hand out a port that is to be avoided before we give up. */
const MAX_TRIES = 16;

function* candidates({ min, max }: PortRange): Generator<number> {
  const any = min === 0 && max === 0;
  for (let at = 0; at < (any ? MAX_TRIES : max - min + 1); at++) yield any ? 0 : min + at;
}

function isInUse(error: Error): boolean {
  return 'code' in error && error.code === 'EADDRINUSE';
}

function cannotListen({ host, tcpPorts, avoid }: ListenerOptions, cause?: Error): ConnectionError {
  const { min, max } = tcpPorts;
  const where = min === max ? `${host}:${min}` : `${host}, on no port from ${min} to ${max}`;
  const kept = [...(avoid ?? [])].join(', ');
  const why = cause?.message ?? `the ports ${kept} are kept clear`;
  return new ConnectionError('unreachable', `cannot listen for other nodes on ${where}: ${why}`, {
    cause,
  });
}
