/**
 * Keeps one node registered for as long as it lives, whoever serves EPMD at the moment.
 *
 * ```
 *   idle ── start ──▶ registering ── registered ──▶ registered
 *                         ▲   │ failed (not the first time)  │ lost
 *                         │   ▼                              ▼
 *                         └─ waiting, a delay ◀──────────────┘
 *   any ── stop ──▶ stopped
 * ```
 *
 * The delay is short at first and doubles. Mappers that are nodes of ours come and go quickly, one after the
 * other when several nodes stop, and who starts finds only those that are registered by then.
 *
 * Registering asks whatever listens on the port. When nothing does, and the node may, it starts the
 * embedded server there and registers with that. Of several nodes that try at once one gets the
 * port, the others find it in use and go back to being clients; so when the node hosting the server
 * goes away, another one takes over at once, and all are registered again.
 *
 * The creation is that of the first registration for good, as in OTP: pids that peers hold carry it.
 */
import { type Clock, systemClock } from '../../clock.ts';
import { EpmdError } from '../errors.ts';
import { type Registration, register } from './client.ts';
import type { ListenHost } from './loopback.ts';
import type { NodeType } from './messages.ts';
import { type EpmdServer, startEpmdServer } from './server.ts';

/** What a registration tells its owner, who decides what is logged. */
export type EpmdEvent =
  /** `creation` is what this registration was given: after the first one it is not used */
  | { readonly type: 'registered'; readonly creation: number }
  | { readonly type: 'lost'; readonly error: EpmdError }
  /** one attempt to register again failed; the next comes after `retryInMs` */
  | { readonly type: 'retry_failed'; readonly error: Error; readonly retryInMs: number }
  /** this node serves EPMD now */
  | { readonly type: 'hosting'; readonly listenHost: string; readonly epmdPort: number }
  /** the embedded server could not accept a connection, and goes on */
  | { readonly type: 'server_error'; readonly error: Error };

export interface EpmdRegistrationOptions {
  /** the part of the node name before `@` */
  readonly name: string;
  /** where the node listens for its peers */
  readonly tcpPort: number;
  readonly nodeType?: NodeType;
  readonly epmdPort: number;
  /** start a server in this process when nothing listens on `epmdPort` */
  readonly allowEmbedded: boolean;
  /** address the embedded server listens on: loopback, or all to be found from elsewhere */
  readonly listenHost: ListenHost;
  /** for one attempt to register; default 10 s, as OTP */
  readonly timeoutMs?: number;
  /** between attempts after a loss, in the end; default 2 s, as OTP */
  readonly retryDelayMs?: number;
  /** before the first of them; default 50 ms */
  readonly firstRetryDelayMs?: number;
  readonly clock?: Clock;
  readonly onEvent?: (event: EpmdEvent) => void;
  /** how to reach and how to serve EPMD; tests pass their own */
  readonly registerNode?: typeof register;
  readonly startServer?: typeof startEpmdServer;
}

/** Rounds of "nothing listens", "the port is in use" before an attempt counts as failed. */
const MAX_ROUNDS = 5;
/** Between such rounds: the node that got the port may not listen on it yet, or is just closing. */
const ROUND_DELAY_MS = 50;

/**
 * How long a server that has just begun tells nobody who is there: those that were registered with the one before
 * are about to register again.
 */
const SETTLING_MS = 300;

export class EpmdRegistration {
  readonly #options: Required<EpmdRegistrationOptions>;
  readonly #stopping = new AbortController();
  #state: 'idle' | 'registering' | 'waiting' | 'registered' | 'stopped' = 'idle';
  #creation: number | undefined;
  #registration: Registration | undefined;
  #server: EpmdServer | undefined;
  #cancelRetry: () => void = () => {};
  /** the attempt under way, which `stop` waits for; never rejects */
  #attempt: Promise<unknown> = Promise.resolve();

  constructor(options: EpmdRegistrationOptions) {
    this.#options = {
      nodeType: 'normal',
      timeoutMs: 10_000,
      retryDelayMs: 2_000,
      firstRetryDelayMs: 50,
      clock: systemClock,
      onEvent: () => {},
      registerNode: register,
      startServer: startEpmdServer,
      ...options,
    };
  }

  /** Whether the mapper knows this node now. */
  get isRegistered(): boolean {
    return this.#state === 'registered';
  }

  /** Whether this node serves EPMD. */
  get isHosting(): boolean {
    return this.#server !== undefined;
  }

  /**
   * Registers for the first time. From then on the registration is renewed for ever.
   *
   * @returns the node's creation
   * @throws {EpmdError} `name_taken`, or why no mapper could be reached; nothing is left open
   * @throws {Error} from the system when the embedded server cannot listen
   */
  async start(): Promise<number> {
    if (this.#state !== 'idle') throw new Error(`cannot start: the registration is ${this.#state}`);
    this.#state = 'registering';
    try {
      const registering = this.#register();
      this.#attempt = settled(registering);
      this.#creation = await registering;
      return this.#creation;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Gives the name back and closes the embedded server, if this node hosts it. Idempotent. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#stopping.abort();
    this.#cancelRetry();
    await this.#attempt;
    this.#registration?.close();
    this.#registration = undefined;
    const server = this.#server;
    this.#server = undefined;
    await server?.close();
  }

  /** One attempt: client first, then host, in turns until one of them works. */
  async #register(): Promise<number> {
    for (let round = 1; ; round++) {
      try {
        return this.#keep(await this.#registerAsClient());
      } catch (error) {
        if (round >= MAX_ROUNDS || !(await this.#mayTryAgain(error))) throw error;
      }
    }
  }

  #registerAsClient(): Promise<Registration> {
    const { name, tcpPort, nodeType, epmdPort, timeoutMs, clock, registerNode } = this.#options;
    const signal = this.#stopping.signal;
    // Mappers take registrations over loopback alone, that of the family in which they listen.
    const host = this.#options.listenHost.includes(':') ? '::1' : '127.0.0.1';
    return registerNode({ name, tcpPort, nodeType, host, epmdPort, timeoutMs, clock, signal });
  }

  /** After a failed round: whether another one makes sense at once, having started the server if need be. */
  async #mayTryAgain(error: unknown): Promise<boolean> {
    if (!(error instanceof EpmdError) || this.#stopping.signal.aborted) return false;
    const nothingListens = error.code === 'unreachable' && hasCode(error.cause, 'ECONNREFUSED');
    if (nothingListens && this.#options.allowEmbedded && this.#server === undefined) {
      if (await this.#host()) return true;
    } else if (!isClosing(error) || !this.#options.allowEmbedded) {
      return false;
    }
    // Somebody else has just got the port, or is giving it up.
    await this.#pause(ROUND_DELAY_MS);
    return !this.#stopping.signal.aborted;
  }

  /** @returns false when somebody else got the port first */
  async #host(): Promise<boolean> {
    const { listenHost, epmdPort, clock, startServer, onEvent } = this.#options;
    try {
      const onError = (error: Error) => onEvent({ type: 'server_error', error });
      this.#server = await startServer({
        ...{ host: listenHost, epmdPort, clock, onError },
        settlingMs: SETTLING_MS,
      });
    } catch (error) {
      if (hasCode(error, 'EADDRINUSE')) return false;
      throw error;
    }
    onEvent({ type: 'hosting', listenHost, epmdPort });
    return true;
  }

  #keep(registration: Registration): number {
    const { creation } = registration;
    if (this.#stopping.signal.aborted) {
      registration.close();
      throw new EpmdError('closed', `the registration of ${this.#options.name} was stopped`);
    }
    this.#registration = registration;
    this.#state = 'registered';
    this.#options.onEvent({ type: 'registered', creation });
    registration.onLost((error) => {
      this.#registration = undefined;
      this.#options.onEvent({ type: 'lost', error });
      this.#retryLater(this.#options.firstRetryDelayMs);
    });
    return creation;
  }

  #retryLater(delayMs: number): void {
    if (this.#state === 'stopped') return;
    this.#state = 'waiting';
    this.#cancelRetry = this.#options.clock.setTimer(delayMs, () => {
      this.#attempt = this.#retry(delayMs);
    });
  }

  async #retry(delayMs: number): Promise<void> {
    this.#state = 'registering';
    try {
      await this.#register();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      const { onEvent, retryDelayMs } = this.#options;
      const retryInMs = Math.min(2 * delayMs, retryDelayMs);
      onEvent({ type: 'retry_failed', error: asError(error), retryInMs });
      this.#retryLater(retryInMs);
    }
  }

  /** Ends early when the registration is stopped. */
  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#stopping;
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#options.clock.setTimer(delayMs, done);
      signal.addEventListener('abort', done);
    });
  }
}

/** Resolves when `promise` has come to an end of either kind. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await Promise.allSettled([promise]);
}

/** Whether the mapper is just giving up its port: it has closed our connection, or had not accepted it yet. */
function isClosing({ code, cause }: EpmdError): boolean {
  return code === 'closed' || (code === 'unreachable' && hasCode(cause, 'ECONNRESET'));
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
