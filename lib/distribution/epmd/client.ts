/**
 * Asks a port mapper, OTP's `epmd` or ours, over TCP: look up a node, list the nodes, and register
 * one for as long as a connection is kept.
 *
 * Each call opens a connection of its own, ends it on every path, and rejects with an
 * {@link EpmdError} alone: `unreachable` (nothing listens, unknown host), `timeout`, `closed` (by the
 * mapper too early, or by the caller's signal), `truncated`, `unexpected_tag`, `invalid_message`,
 * `too_long`; {@link register} also `name_taken` and `refused`.
 */
import { connect, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../clock.ts';
import { EpmdError } from '../errors.ts';
import {
  type Alive2Response,
  decodeAlive2Response,
  decodeNamesResponse,
  decodePort2Response,
  type EpmdEntry,
  type EpmdName,
  type EpmdRequest,
  encodeRequest,
  type NodeType,
} from './messages.ts';

/** A PORT2_RESP with the longest name and some extra bytes. */
const MAX_ENTRY_BYTES = 4 * 1024;
/** Some ten thousand names. */
const MAX_NAMES_BYTES = 1024 * 1024;
/** Handshake versions announced, as OTP 25 to 29 do. */
const HIGHEST_VERSION = 6;
const LOWEST_VERSION = 5;

/** What every call to the mapper needs. */
export interface EpmdCallOptions {
  readonly host: string;
  readonly epmdPort: number;
  /** for the whole call, from connecting on */
  readonly timeoutMs: number;
  /** aborting it rejects the call with `closed`; `cause` is the signal's reason */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

export interface LookUpOptions extends EpmdCallOptions {
  /** the part of the node name before `@` */
  readonly name: string;
}

/** @returns where the node listens, or `undefined` if the mapper does not know it */
export async function lookUp({ name, ...call }: LookUpOptions): Promise<EpmdEntry | undefined> {
  const bytes = await readAll(call, { type: 'port_please2', name }, MAX_ENTRY_BYTES);
  const entry = decodePort2Response(bytes);
  if (entry !== undefined && entry.name !== name) {
    throw new EpmdError('invalid_message', `asked for ${name}, got the entry of ${entry.name}`);
  }
  return entry;
}

/** @returns every registered node, hidden ones included, in the mapper's order */
export async function listNames(options: EpmdCallOptions): Promise<EpmdName[]> {
  return decodeNamesResponse(await readAll(options, { type: 'names' }, MAX_NAMES_BYTES));
}

/** The mapper closes the connection after its answer: only then the answer is complete. */
async function readAll(
  options: EpmdCallOptions,
  request: EpmdRequest,
  maxBytes: number,
): Promise<Uint8Array> {
  const { socket, value } = await call<Uint8Array>(options, request, {
    onData(received) {
      if (received.length <= maxBytes) return undefined;
      const message = `expected an answer of at most ${maxBytes} bytes, got more`;
      throw new EpmdError('too_long', message, { offset: maxBytes });
    },
    onEnd: (received) => received,
  });
  socket.destroy();
  return value;
}

export interface RegisterOptions extends Omit<EpmdCallOptions, 'host'> {
  /** mappers accept registrations from their own machine alone; default 127.0.0.1 */
  readonly host?: string;
  /** the part of the node name before `@` */
  readonly name: string;
  /** where the node listens for its peers */
  readonly tcpPort: number;
  readonly nodeType: NodeType;
}

/** A name held at the mapper: the connection is the registration. */
export interface Registration {
  /** tells incarnations of the node apart: 32 bits, or 2 bits from a mapper older than OTP 23 */
  readonly creation: number;
  /**
   * Adds a listener for the end of the registration, unless it is ended by {@link close}. It is
   * called at once if that has happened already.
   *
   * @returns removes the listener
   */
  onLost(listener: (error: EpmdError) => void): () => void;
  /** Gives the name back. Idempotent. */
  close(): void;
}

/**
 * Registers a node, for as long as the connection lasts.
 *
 * @throws {EpmdError} `name_taken` when the name is registered by another connection
 */
export async function register(options: RegisterOptions): Promise<Registration> {
  const { name, tcpPort, nodeType, host = '127.0.0.1', ...rest } = options;
  const entry: EpmdEntry = {
    ...{ name, tcpPort, nodeType },
    ...{ highestVersion: HIGHEST_VERSION, lowestVersion: LOWEST_VERSION },
    extra: new Uint8Array(0),
  };
  const request: EpmdRequest = { type: 'alive2', entry };
  const { socket, value } = await call<Alive2Response>({ host, ...rest }, request, {
    onData: decodeAlive2Response,
    onEnd(received) {
      const message = `epmd closed the connection after ${received.length} bytes of its answer`;
      throw new EpmdError('closed', message, { offset: received.length });
    },
  });
  if (value.result !== 0) {
    socket.destroy();
    throw refusal(name, value.result);
  }
  return new KeptRegistration(socket, name, value.creation);
}

function refusal(name: string, result: number): EpmdError {
  // OTP's epmd and ours answer 1 to a name that is registered already, and no other result.
  return result === 1
    ? new EpmdError('name_taken', `the name ${name} is registered already`)
    : new EpmdError('refused', `epmd refused to register ${name}: result ${result}`);
}

class KeptRegistration implements Registration {
  readonly creation: number;
  readonly #socket: Socket;
  readonly #listeners = new Set<(error: EpmdError) => void>();
  #lost: EpmdError | undefined;
  #closed = false;

  constructor(socket: Socket, name: string, creation: number) {
    this.creation = creation;
    this.#socket = socket;
    const lose = (why: string, cause?: unknown) => {
      const context = cause === undefined ? {} : { cause };
      this.#lose(new EpmdError('closed', `the registration of ${name} ended: ${why}`, context));
    };
    socket.on('error', (error) => lose(error.message, error));
    socket.on('close', () => lose('epmd closed the connection'));
    // After its answer the mapper has nothing to say.
    socket.on('data', () => lose('epmd sent more than its answer'));
    // It may have ended before these listeners were there.
    if (socket.destroyed || socket.readableEnded) lose('epmd closed the connection');
  }

  onLost(listener: (error: EpmdError) => void): () => void {
    if (this.#lost !== undefined) listener(this.#lost);
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#socket.destroy();
  }

  #lose(error: EpmdError): void {
    if (this.#closed || this.#lost !== undefined) return;
    this.#lost = error;
    this.#socket.destroy();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener(error);
  }
}

/** When an answer is complete. Both get all bytes received so far, and may throw an EpmdError. */
interface Receiver<T> {
  /** @returns `undefined` to wait for more */
  onData(received: Uint8Array): T | undefined;
  /** The mapper has closed its side. */
  onEnd(received: Uint8Array): T;
}

/**
 * Connects, sends one request and receives its answer. On success the caller owns the socket; a
 * listener stays on it so that a late error is harmless. On failure it has been destroyed.
 */
async function call<T>(
  { host, epmdPort, timeoutMs, signal, clock = systemClock }: EpmdCallOptions,
  request: EpmdRequest,
  receiver: Receiver<T>,
): Promise<{ socket: Socket; value: T }> {
  const where = `epmd at ${host}:${epmdPort}`;
  // A name that cannot be sent is refused before anything is opened.
  const bytes = encodeRequest(request);
  if (signal?.aborted) throw aborted(where, signal);

  const socket = connect({ host, port: epmdPort, noDelay: true });
  const { promise, resolve, reject } = deferred<T>();
  let connected = false;
  let received = Buffer.alloc(0);

  const onConnect = () => {
    connected = true;
    socket.write(bytes);
  };
  const onData = (chunk: Uint8Array) => {
    received = Buffer.concat([received, chunk]);
    try {
      const value = receiver.onData(received);
      if (value !== undefined) resolve(value);
    } catch (error) {
      reject(located(error, where));
    }
  };
  const onEnd = () => {
    try {
      resolve(receiver.onEnd(received));
    } catch (error) {
      reject(located(error, where));
    }
  };
  const onError = (cause: Error) =>
    reject(
      connected
        ? new EpmdError('closed', `lost the connection to ${where}: ${cause.message}`, { cause })
        : new EpmdError('unreachable', `cannot connect to ${where}: ${cause.message}`, { cause }),
    );
  const onClose = () => reject(new EpmdError('closed', `${where} closed the connection`));
  const onAbort = () => reject(aborted(where, signal));
  const cancelTimer = clock.setTimer(timeoutMs, () =>
    reject(new EpmdError('timeout', `${where} did not answer within ${timeoutMs} ms`)),
  );
  signal?.addEventListener('abort', onAbort);
  socket.on('connect', onConnect).on('data', onData).on('end', onEnd);
  socket.on('error', onError).on('close', onClose);
  try {
    return { socket, value: await promise };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    cancelTimer();
    signal?.removeEventListener('abort', onAbort);
    // onError stays: an error without a listener would end the process.
    socket.off('connect', onConnect).off('data', onData).off('end', onEnd).off('close', onClose);
  }
}

/** A promise with its two ends in hand: many listeners may settle it, the first one does. */
function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Whoever reads it has to know which port it is about: another program may have it. */
function located(error: unknown, where: string): unknown {
  if (!(error instanceof EpmdError)) return error;
  const message = `${where} does not answer as a port mapper does: ${error.message}`;
  return new EpmdError(error.code, message, { ...error.context, cause: error });
}

function aborted(where: string, signal: AbortSignal | undefined): EpmdError {
  return new EpmdError('closed', `the call to ${where} was aborted`, { cause: signal?.reason });
}
