/**
 * EPMD answered in this process, for machines without an Erlang installation: real nodes register
 * with it and find each other through it as with OTP's daemon.
 *
 * ```
 *   reading ── PORT_PLEASE2, NAMES (once it is settled) ──▶ answered, closed
 *      │ ───── anything else, time is up, too long ──▶ closed without an answer
 *      │ ALIVE2 from this machine
 *      ├── name free ──▶ registered ── one more byte, or closed ──▶ name free again
 *      └── name taken ──▶ refused (stays open until the time is up, as OTP's daemon leaves it)
 * ```
 *
 * DUMP, KILL and STOP are not served: they would let any local user end every registration.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../clock.ts';
import { EpmdError } from '../errors.ts';
import { isLocalPeer } from './loopback.ts';
import {
  decodeRequest,
  type EpmdEntry,
  type EpmdName,
  type EpmdRequest,
  encodeAlive2Response,
  encodeNamesResponse,
  encodePort2Response,
} from './messages.ts';
import { EpmdRegistry, narrowCreation } from './registry.ts';

/** Longest request, without its length field. */
export const MAX_REQUEST_BYTES = 1024;
/** A connection that has not registered a name is closed after this time, whatever it does. */
export const REQUEST_DEADLINE_MS = 10_000;
/** More connections are closed at once; leaves look-ups room beside every registered name. */
export const MAX_CONNECTIONS = 512;
/** OTP's creation in a refusal; nodes ignore it. */
const CREATION_OF_REFUSAL = 99;

export interface EpmdServerOptions {
  /** address to listen on: loopback, or all addresses when peers on other machines look nodes up */
  readonly host: string;
  /** 0 lets the system choose */
  readonly epmdPort: number;
  readonly clock?: Clock;
  /** how long it takes until all are registered that are there: until then it does not say who is; default 0 */
  readonly settlingMs?: number;
  /** from 0 to below 1 */
  readonly random?: () => number;
  /** a connection could not be accepted, such as `EMFILE`; the server goes on */
  readonly onError?: (error: Error) => void;
}

/** A running port mapper. */
export interface EpmdServer {
  readonly epmdPort: number;
  /** what is registered now, in the order of registration */
  names(): readonly EpmdName[];
  /** Ends every connection and frees the port. Idempotent. */
  close(): Promise<void>;
}

/**
 * Listens and serves until closed.
 *
 * @throws {Error} from the system when it cannot listen: `EADDRINUSE`, `EACCES`, …
 */
export async function startEpmdServer(options: EpmdServerOptions): Promise<EpmdServer> {
  const { host, epmdPort, clock = systemClock, random = Math.random, onError = () => {} } = options;
  const settling = new Settling(clock);
  const registry = new EpmdRegistry(random);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, { registry, settling, clock });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen({ host, port: epmdPort, exclusive: true });
  await once(server, 'listening');
  server.on('error', onError);
  settling.start(options.settlingMs ?? 0);
  let closed: Promise<void> | undefined;
  return {
    epmdPort: listeningPort(server),
    names: () => registry.entries().map(({ name, tcpPort }) => ({ name, tcpPort })),
    close() {
      settling.stop();
      closed ??= closeServer(server, sockets);
      return closed;
    },
  };
}

function listeningPort(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('expected a TCP server');
  return address.port;
}

async function closeServer(server: Server, sockets: Set<Socket>): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  for (const socket of sockets) socket.destroy();
  await closed;
}

/** The time in which not all are registered yet. */
class Settling {
  readonly #clock: Clock;
  #waiting: (() => void)[] | undefined = [];
  #cancelTimer: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(durationMs: number): void {
    if (durationMs > 0) this.#cancelTimer = this.#clock.setTimer(durationMs, () => this.#end());
    else this.#end();
  }

  /** Nobody is answered any more. */
  stop(): void {
    this.#cancelTimer();
    this.#waiting = undefined;
  }

  /** Answers when it is over. */
  after(answer: () => void): void {
    if (this.#waiting === undefined) answer();
    else this.#waiting.push(answer);
  }

  #end(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const answer of waiting) answer();
  }
}

interface Service {
  readonly registry: EpmdRegistry;
  readonly settling: Settling;
  readonly clock: Clock;
}

function serve(socket: Socket, { registry, settling, clock }: Service): void {
  let received = Buffer.alloc(0);
  /** whether the one request of this connection has been taken */
  let asked = false;
  /** whether it will be answered later */
  let isAwaited = false;
  let registeredName: string | undefined;
  const cancelDeadline = clock.setTimer(REQUEST_DEADLINE_MS, () => socket.destroy());

  socket.on('data', (chunk: Uint8Array) => {
    // After ALIVE2 a node has nothing more to say; the connection itself is its registration.
    if (asked) {
      end();
      return;
    }
    received = Buffer.concat([received, chunk]);
    const request = takeRequest(received);
    if (request === 'incomplete') return;
    asked = true;
    received = Buffer.alloc(0);
    if (request === 'invalid') end();
    else answer(request);
  });
  // Who says nothing more may still wait for an answer.
  socket.on('end', () => {
    if (!isAwaited) socket.end();
  });
  // A reset says no more than a close, which follows.
  socket.on('error', () => {});
  socket.on('close', end);

  function answer(request: EpmdRequest): void {
    switch (request.type) {
      case 'alive2':
        registerNode(request.entry);
        return;
      case 'port_please2':
        socket.end(encodePort2Response(registry.get(request.name)));
        return;
      case 'names':
        isAwaited = true;
        settling.after(tellNames);
    }
  }

  function tellNames(): void {
    // The port as the client knows it: it takes any other for a foreign reply.
    socket.end(encodeNamesResponse(socket.localPort ?? 0, registry.entries()));
  }

  function registerNode(entry: EpmdEntry): void {
    if (!isLocalPeer(socket.remoteAddress ?? '', socket.localAddress ?? '')) {
      end();
      return;
    }
    const { highestVersion } = entry;
    const creation = registry.register(entry);
    if (creation === undefined) {
      const refusal = { result: 1, creation: CREATION_OF_REFUSAL };
      socket.write(encodeAlive2Response(refusal, highestVersion));
      return;
    }
    registeredName = entry.name;
    cancelDeadline();
    // In one write: `erl_epmd` takes a part of the answer for garbage.
    const narrowed = highestVersion < 6 ? narrowCreation(creation) : creation;
    socket.write(encodeAlive2Response({ result: 0, creation: narrowed }, highestVersion));
  }

  function end(): void {
    cancelDeadline();
    if (registeredName !== undefined) registry.unregister(registeredName);
    registeredName = undefined;
    socket.destroy();
  }
}

/** The request, once `received` holds all of it and nothing else. */
function takeRequest(received: Buffer): EpmdRequest | 'incomplete' | 'invalid' {
  if (received.length < 2) return 'incomplete';
  const length = received.readUInt16BE(0);
  if (length > MAX_REQUEST_BYTES || received.length > 2 + length) return 'invalid';
  if (received.length < 2 + length) return 'incomplete';
  try {
    return decodeRequest(received.subarray(2));
  } catch (error) {
    if (error instanceof EpmdError) return 'invalid';
    throw error;
  }
}
