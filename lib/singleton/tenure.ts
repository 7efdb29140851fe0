import { atom, type Pid, type Process, startGenServer, type Term } from '../distribution/index.ts';
import type { MemberContext } from './context.ts';
import { OwnerServer } from './owner-server.ts';
import type { SingletonServices } from './role.ts';

/** The owner process of one node. */
export interface Owner {
  readonly server: OwnerServer;
  readonly process: Process;
  serves: boolean;
}

/** How a node came to own the name: nobody had it, or its owner gave it away. */
export type Cause = 'free' | 'hand_off';

export interface TenureOptions {
  readonly services: SingletonServices;
  readonly onServe: (cause: Cause) => void;
  /** one that served has ended, in favour of a successor if there is one to be known */
  readonly onEnd: (owner: Owner, reason: Term, successor?: Pid) => void;
}

/** the end of a process that `global` has killed */
const KILLED = atom('killed');

/**
 * This node's owner process: there is one at most. First a *candidate* that waits, so that there is a
 * pid to be registered; then it serves. Whoever makes it serve, the race for the name or a predecessor that
 * hands over, gets the same process: two of them on one node would not know of each other.
 */
export class Tenure {
  readonly #context: MemberContext;
  readonly #options: TenureOptions;
  #owner: Owner | undefined;
  #starting: Promise<Owner> | undefined;

  constructor(context: MemberContext, options: TenureOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** The process, whether it serves or waits. */
  get owner(): Owner | undefined {
    return this.#owner;
  }

  /** The process, while it serves and is there to stay. */
  get serving(): Owner | undefined {
    return this.#owner?.serves === true && !this.#context.isLeaving ? this.#owner : undefined;
  }

  /** {@link serving} */
  get servingPid(): Pid | undefined {
    return this.serving?.process.pid;
  }

  /** The process that is there, or a new one that waits. */
  candidate(): Promise<Owner> {
    if (this.#owner !== undefined) return Promise.resolve(this.#owner);
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Makes this node's process serve, the one that is there or a new one. */
  async take(cause: Cause): Promise<Owner> {
    for (;;) {
      const owner = await this.candidate();
      // Ended or released meanwhile.
      if (this.#owner !== owner) continue;
      if (!owner.serves) await this.serve(owner, cause);
      return owner;
    }
  }

  /** From now on it answers. */
  async serve(owner: Owner, cause: Cause): Promise<void> {
    owner.serves = true;
    const { services, onServe } = this.#options;
    await owner.server.serve(this.#context.options.role.createServer(services));
    onServe(cause);
  }

  /** Ends a candidate that is not to serve. */
  release(owner: Owner): void {
    if (this.#owner === owner) this.#owner = undefined;
    owner.server.abandon();
  }

  /** Ends one that serves, as `global` does with the loser of a conflict. */
  yield(owner: Owner, to: Pid): void {
    if (this.#owner !== owner) return;
    this.#owner = undefined;
    owner.process.stop(KILLED);
    this.#options.onEnd(owner, KILLED, to);
  }

  async #start(): Promise<Owner> {
    const server = new OwnerServer();
    // Its outcome is told by the process itself.
    startGenServer(this.#context.options.node.local.processes, server).catch(() => undefined);
    const process = await server.process;
    const owner: Owner = { server, process, serves: false };
    this.#owner = owner;
    void process.exited.then((reason) => {
      if (this.#owner !== owner) return;
      this.#owner = undefined;
      if (owner.serves) this.#options.onEnd(owner, reason);
    });
    return owner;
  }
}
