import {
  type CallResult,
  type CastResult,
  callMessage,
  castMessage,
  type From,
  type GenServer,
  type InitResult,
  type Pid,
  type Process,
  type Term,
} from '../distribution/index.ts';

/**
 * The owner's process around the server that does the work. In the order of its life:
 *
 * - *waiting*: it has a pid, so that the name can be registered; messages wait in its mailbox
 * - *serving*: the server answers
 * - *held*: calls wait, as casts do, because the state is on its way to a successor
 * - *forwarding*: calls and casts go on to the successor, which answers the callers itself
 *
 * Plain messages, such as a server's own timers, reach the server only while it serves.
 */
export class OwnerServer implements GenServer {
  readonly #pid: Deferred<Process>;
  readonly #ready: Deferred<InitResult>;
  #server: GenServer | undefined;
  #held: Term[] | undefined;
  #successor: Pid | undefined;

  constructor() {
    this.#pid = deferred();
    this.#ready = deferred();
  }

  /** The process, as soon as there is one. */
  get process(): Promise<Process> {
    return this.#pid.promise;
  }

  init(self: Process): Promise<InitResult> {
    this.#pid.resolve(self);
    return this.#ready.promise;
  }

  /** From now on `server` answers. */
  async serve(server: GenServer): Promise<void> {
    this.#server = server;
    const self = await this.process;
    this.#ready.resolve(await server.init?.(self));
  }

  /** Ends before having served. */
  abandon(): void {
    this.#ready.resolve({ ignore: true });
  }

  /** From now on calls wait. */
  hold(): void {
    this.#held ??= [];
  }

  /** There is no successor: the waiting calls are answered here after all. */
  async release(): Promise<void> {
    const self = await this.process;
    this.#passOn(self, self.pid);
  }

  /** From now on everything goes to `successor`, what waited first. */
  async forward(successor: Pid): Promise<void> {
    const self = await this.process;
    this.#successor = successor;
    this.#passOn(self, successor);
  }

  handleCall(request: Term, from: From, self: Process): CallResult | Promise<CallResult> {
    if (this.#serves) {
      return this.#server?.handleCall?.(request, from, self) ?? { noReply: true };
    }
    this.#passOver(callMessage(from, request), self);
    return { noReply: true };
  }

  handleCast(request: Term, self: Process): CastResult | Promise<CastResult> {
    if (this.#serves) return this.#server?.handleCast?.(request, self);
    this.#passOver(castMessage(request), self);
  }

  handleInfo(message: Term, self: Process): CastResult | Promise<CastResult> {
    return this.#serves ? this.#server?.handleInfo?.(message, self) : undefined;
  }

  terminate(reason: Term, self: Process): void | Promise<void> {
    return this.#server?.terminate?.(reason, self);
  }

  get #serves(): boolean {
    return this.#successor === undefined && this.#held === undefined;
  }

  #passOver(message: Term, self: Process): void {
    if (this.#successor !== undefined) self.send(this.#successor, message);
    else this.#held?.push(message);
  }

  #passOn(self: Process, to: Pid): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) self.send(to, message);
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

function deferred<T>(): Deferred<T> {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: settle };
}
