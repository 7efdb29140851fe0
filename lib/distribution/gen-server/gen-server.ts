/**
 * Servers after Erlang's `gen_server`: callbacks on top of a process.
 *
 * ```ts
 * class Counter implements GenServer {
 *   #count = 0;
 *   handleCall(request: Term): CallResult {
 *     if (isAtom(request, 'increment')) this.#count += 1;
 *     return { reply: this.#count };
 *   }
 * }
 * const started = await startGenServer(processes, new Counter(), { name: 'counter' });
 * const count = await client.call(atom('counter'), atom('increment'));
 * ```
 *
 * Callbacks run one at a time, in the order of the messages. One that returns no promise is finished in
 * the tick in which its message came, if the server is idle; while a promise is pending, messages wait.
 * What a callback throws ends the server: `terminate` runs, callers get the exit reason.
 *
 * What no callback wants is dropped with the event `gen_server.message.dropped`: a peer must not be
 * able to end a server by sending it something odd.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/gen_server.html
 */
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { exitReasonOf, type Process } from '../process/process.ts';
import { ProcessExit } from '../process/process-exit.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { exitMessage } from '../process/system-messages.ts';
import { atom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import { isTuple, type Term, tuple } from '../terms/term.ts';
import { decodeGenMessage, type From } from './envelope.ts';
import { reply } from './reply.ts';

export type { From } from './envelope.ts';
export { reply } from './reply.ts';

/** A callback that has nothing to say may return nothing, also in a class. */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without `return` has the type void
type Nothing = void | undefined;

/** What `init` answers: nothing when the server is ready. */
export type InitResult = Nothing | { readonly ignore: true } | { readonly stop: Term };

/** `noReply`: the server answers later, with {@link reply}. A reply beside `stop` goes out after `terminate`. */
export type CallResult =
  | { readonly reply: Term }
  | { readonly noReply: true }
  | { readonly stop: Term; readonly reply?: Term };

/** What `handleCast` and `handleInfo` answer: nothing to go on, or a reason to stop. */
export type CastResult = Nothing | { readonly stop: Term };

export interface GenServer {
  /** Runs before any message is handled. `ignore` and `stop` end the process. */
  init?(self: Process): InitResult | Promise<InitResult>;
  handleCall?(request: Term, from: From, self: Process): CallResult | Promise<CallResult>;
  handleCast?(request: Term, self: Process): CastResult | Promise<CastResult>;
  /** every other message: down and exit messages, timers, plain sends */
  handleInfo?(message: Term, self: Process): CastResult | Promise<CastResult>;
  /**
   * Runs before the server ends by itself: after `stop`, a thrown error, a request to shut down, or
   * (if it traps exits) the end of the process it was linked to at its start. Not when it is killed.
   */
  terminate?(reason: Term, self: Process): void | Promise<void>;
}

export interface GenServerOptions {
  /** registers the server locally before `init` */
  readonly name?: string;
  /** links to this process, the server's parent */
  readonly link?: Pid;
  readonly trapExit?: boolean;
  readonly groupLeader?: Pid;
  readonly telemetry?: Telemetry;
}

/** What a start came to, unless it failed. */
export type Started =
  | { readonly type: 'started'; readonly pid: Pid; readonly process: Process }
  | { readonly type: 'ignore' };

/**
 * Starts a server; resolves when `init` is done.
 *
 * @throws {ProcessExit} (as rejection) with the reason for which `init` stopped or failed, with
 *   `{already_started, Pid}` when the name is taken, or with the reason for which the process was ended
 *   meanwhile; `cause` is what `init` threw
 */
export async function startGenServer(
  processes: ProcessTable,
  server: GenServer,
  options: GenServerOptions = {},
): Promise<Started> {
  const { telemetry, ...spawnOptions } = options;
  const owner = options.name === undefined ? undefined : processes.whereis(options.name);
  if (owner !== undefined) {
    const reason = tuple(atom('already_started'), owner);
    throw new ProcessExit(
      reason,
      `expected the name ${options.name} to be free, ${owner} holds it`,
    );
  }
  const loop = new ServerLoop(processes, server, options.link, telemetry);
  const process = processes.spawnServer({
    ...spawnOptions,
    onMessage: (message, self) => loop.handle(message, self),
    onShutdown: (self) => loop.requestShutdown(self),
  });
  return new Promise((resolve, reject) => {
    process.runFirst(() => loop.initialise(process, resolve, reject));
    process.exited.then((reason) => {
      reject(new ProcessExit(reason, 'the server ended before it was initialised'));
    });
  });
}

const NORMAL = atom('normal');
const SHUTDOWN = atom('shutdown');
const OK = atom('ok');

/** Turns messages into callbacks and their results into actions. */
class ServerLoop {
  readonly #processes: ProcessTable;
  readonly #server: GenServer;
  readonly #parent: Pid | undefined;
  readonly #telemetry: Telemetry | undefined;

  constructor(
    processes: ProcessTable,
    server: GenServer,
    parent: Pid | undefined,
    telemetry: Telemetry | undefined,
  ) {
    this.#processes = processes;
    this.#server = server;
    this.#parent = parent;
    this.#telemetry = telemetry;
  }

  async #awaitInit(
    self: Process,
    result: Promise<InitResult>,
    resolve: (started: Started) => void,
    reject: (error: ProcessExit) => void,
  ): Promise<void> {
    try {
      this.#finishInit(self, await result, resolve, reject);
    } catch (error) {
      this.#failInit(self, error, reject);
    }
  }

  initialise(
    self: Process,
    resolve: (started: Started) => void,
    reject: (error: ProcessExit) => void,
  ): void | Promise<void> {
    try {
      const result = this.#server.init?.(self);
      if (result instanceof Promise) return this.#awaitInit(self, result, resolve, reject);
      this.#finishInit(self, result, resolve, reject);
    } catch (error) {
      this.#failInit(self, error, reject);
    }
  }

  handle(message: Term, self: Process): void | Promise<void> {
    try {
      const done = this.#dispatch(message, self);
      return done?.catch((error: unknown) => this.#fail(error, self));
    } catch (error) {
      return this.#fail(error, self);
    }
  }

  /** Queued behind the messages that are there already, as the exit signal of a supervisor is. */
  requestShutdown(self: Process): void {
    self.send(self.pid, exitMessage(this.#parent ?? self.pid, SHUTDOWN));
  }

  #finishInit(
    self: Process,
    result: InitResult,
    resolve: (started: Started) => void,
    reject: (error: ProcessExit) => void,
  ): void {
    if (!self.isAlive) return;
    if (result === undefined) {
      resolve({ type: 'started', pid: self.pid, process: self });
    } else if ('ignore' in result) {
      resolve({ type: 'ignore' });
      self.stop(NORMAL);
    } else {
      reject(new ProcessExit(result.stop, 'init stopped the server'));
      self.stop(result.stop);
    }
  }

  #failInit(self: Process, error: unknown, reject: (error: ProcessExit) => void): void {
    reject(new ProcessExit(exitReasonOf(error), 'init failed', error));
    self.crash(error);
  }

  #dispatch(message: Term, self: Process): void | Promise<void> {
    const decoded = decodeGenMessage(message);
    switch (decoded.type) {
      case 'call':
        return this.#call(decoded.from, decoded.request, message, self);
      case 'cast': {
        const { handleCast } = this.#server;
        if (handleCast === undefined) return this.#drop(message, self);
        return this.#then(handleCast.call(this.#server, decoded.request, self), (result) =>
          this.#afterCast(result, self),
        );
      }
      case 'system': {
        const { from, request } = decoded;
        if (!isTuple(request, 2, 'terminate')) return this.#info(message, self);
        // What `gen_server:stop` and `GenServer.stop` send.
        reply(this.#processes, from, OK, self.pid);
        return this.#stop(request.elements[1] ?? NORMAL, self);
      }
      case 'info':
        return this.#info(message, self);
    }
  }

  #call(from: From, request: Term, message: Term, self: Process): void | Promise<void> {
    const { handleCall } = this.#server;
    if (handleCall === undefined) return this.#drop(message, self);
    const result = handleCall.call(this.#server, request, from, self);
    if (!(result instanceof Promise)) return this.#afterCall(result, from, self);
    return result.then((value) => this.#afterCall(value, from, self));
  }

  #info(message: Term, self: Process): void | Promise<void> {
    const reason = this.#parentExit(message, self);
    if (reason !== undefined) return this.#stop(reason, self);
    const { handleInfo } = this.#server;
    if (handleInfo === undefined) return this.#drop(message, self);
    return this.#then(handleInfo.call(this.#server, message, self), (result) =>
      this.#afterCast(result, self),
    );
  }

  /** Continues in the same tick when `result` is there already. */
  #then<T>(result: T | Promise<T>, next: (value: T) => void | Promise<void>): void | Promise<void> {
    return result instanceof Promise ? result.then(next) : next(result);
  }

  #afterCall(result: CallResult, from: From, self: Process): void | Promise<void> {
    if ('stop' in result) {
      return this.#stop(result.stop, self, () => this.#reply(from, result.reply, self));
    }
    if ('reply' in result) this.#reply(from, result.reply, self);
  }

  #afterCast(result: CastResult, self: Process): void | Promise<void> {
    if (result !== undefined) return this.#stop(result.stop, self);
  }

  #reply(from: From, answer: Term | undefined, self: Process): void {
    if (answer !== undefined && self.isAlive) reply(this.#processes, from, answer, self.pid);
  }

  #stop(reason: Term, self: Process, beforeExit?: () => void): void | Promise<void> {
    if (!self.isAlive) return;
    return this.#terminate(reason, self, (failure) => {
      beforeExit?.();
      if (failure === undefined) self.stop(reason);
      else self.crash(failure.error);
    });
  }

  #fail(error: unknown, self: Process): void | Promise<void> {
    if (!self.isAlive) return self.crash(error);
    return this.#terminate(exitReasonOf(error), self, (failure) => {
      if (failure === undefined) return self.crash(error);
      const both = [error, failure.error];
      self.crash(new AggregateError(both, 'a callback failed, and terminate after it'));
    });
  }

  /** Runs `terminate` once and goes on with `next` in any case. */
  #terminate(
    reason: Term,
    self: Process,
    next: (failure?: { readonly error: unknown }) => void,
  ): void | Promise<void> {
    let done: void | Promise<void>;
    try {
      done = this.#server.terminate?.(reason, self);
    } catch (error) {
      return next({ error });
    }
    if (!(done instanceof Promise)) return next();
    return done.then(
      () => next(),
      (error: unknown) => next({ error }),
    );
  }

  /** The reason in an exit message of the parent (or in our own request to shut down). */
  #parentExit(message: Term, self: Process): Term | undefined {
    if (!isTuple(message, 3, 'EXIT')) return undefined;
    const [, from, reason] = message.elements;
    return from instanceof Pid && from.equals(this.#parent ?? self.pid) ? reason : undefined;
  }

  #drop(message: Term, self: Process): void {
    const { pid, registeredName: name } = self;
    this.#telemetry?.execute('gen_server.message.dropped', {}, { pid, name, message });
  }
}
