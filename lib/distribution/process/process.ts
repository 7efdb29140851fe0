/**
 * One process: what it may do, and how its life ends.
 *
 * There are two styles. A *body* is an async function that takes messages with `receive`; a *server*
 * has a callback that is given each message in turn. In both, whatever is thrown and not caught ends
 * the process; {@link exitReasonOf} is the one place where an error becomes an exit reason.
 *
 * JavaScript cannot stop a function that is running. When a process is ended from outside, its pending
 * `receive` rejects with {@link ProcessExit}, `signal` aborts, and whatever it sends afterwards is
 * ignored; a body that neither receives nor looks at `signal` runs on without effect on others.
 *
 * Messages between local processes are passed on without a copy: nobody may change a term it has sent
 * or received.
 *
 * @see https://www.erlang.org/doc/system/ref_man_processes.html
 */

import type { Clock } from '../../clock.ts';
import { type Atom, atom } from '../terms/atom.ts';
import type { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import { binary, type Term, tuple } from '../terms/term.ts';
import type { AliasMode } from './aliases.ts';
import { correlationOf } from './correlation.ts';
import { Mailbox, type ReceiveOptions } from './mailbox.ts';
import { ProcessExit } from './process-exit.ts';
import { ReferenceMap } from './reference-map.ts';
import type { Replies, ReplySlot } from './replies.ts';
import type { Runnable, RunQueue } from './run-queue.ts';
import type { DeliverOptions } from './signals.ts';
import { isDownMessage } from './system-messages.ts';
import { Timers } from './timers.ts';

/** A process registered under a name on some node. */
export interface RemoteName {
  readonly name: string;
  readonly node: string;
}

/** Where a message can go: a pid, the name of a local process, a name on a node, or an alias. */
export type Destination = Pid | Atom | RemoteName | Reference;

/** What can be monitored. */
export type Monitorable = Pid | Atom | RemoteName;

export interface MonitorOptions {
  /** the reference to use, such as that of a request: then its slot takes the down message too */
  readonly ref?: Reference;
  /** makes the reference an alias too; `true` means `demonitor` */
  readonly alias?: boolean | AliasMode;
}

/** Told why the process that it watches has ended, as a down message would. */
export type Watcher = (reason: Term) => void;

/** Runs once per message, one at a time: while its promise is pending the next messages wait. */
export type MessageHandler = (message: Term, self: Process) => void | Promise<void>;

/** What a process needs of the table it lives in. */
export interface ProcessHost {
  readonly clock: Clock;
  readonly runQueue: RunQueue;
  readonly replies: Replies;
  makeRef(): Reference;
  nameOf(pid: Pid): string | undefined;
  send(from: Pid, to: Destination, message: Term, options?: DeliverOptions): void;
  link(from: Pid, to: Pid): void;
  unlink(from: Pid, to: Pid): void;
  monitor(from: Pid, target: Monitorable, ref: Reference): void;
  demonitor(from: Pid, ref: Reference): boolean;
  addAlias(ref: Reference, pid: Pid, mode: AliasMode): void;
  removeAlias(ref: Reference): boolean;
  exit(from: Pid, to: Pid, reason: Term): void;
  /** the process has ended: release what it held, tell those who linked or monitor it */
  ended(process: Process, reason: Term): void;
  /** an error ended the process, or came out of it after its end */
  reportError(process: Process, error: unknown, reason: Term): void;
}

/** What the table gives a process when it makes it. */
export interface ProcessInit {
  readonly pid: Pid;
  readonly host: ProcessHost;
  readonly groupLeader: Pid | undefined;
  readonly trapExit: boolean;
  readonly onMessage: MessageHandler | undefined;
  readonly onShutdown: ((self: Process) => void) | undefined;
}

/**
 * The exit reason for something that was thrown: `{{js_error, <<"TypeError: x is not a function">>}, []}`,
 * which is Erlang's `{Reason, Stacktrace}`; file names of ours would mean nothing to a peer, so the trace
 * is empty. A {@link ProcessExit} stands for its own reason.
 */
export function exitReasonOf(error: unknown): Term {
  if (error instanceof ProcessExit) return error.reason;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return tuple(tuple(atom('js_error'), binary(text)), []);
}

const NORMAL = atom('normal');
const SHUTDOWN = atom('shutdown');

export class Process implements Runnable {
  readonly pid: Pid;
  /** turns exit signals into messages `{'EXIT', From, Reason}` */
  trapExit: boolean;
  /** where `io` of this process goes; itself unless given */
  groupLeader: Pid;
  readonly #host: ProcessHost;
  readonly #mailbox: Mailbox;
  readonly #timers: Timers;
  readonly #watchers = new ReferenceMap<Watcher>();
  #requests = 0;
  readonly #onMessage: MessageHandler | undefined;
  readonly #onShutdown: ((self: Process) => void) | undefined;
  #queued = false;
  #busy = false;
  #exitReason: Term | undefined;
  #crash: { readonly error: unknown } | undefined;
  #abort: AbortController | undefined;
  #exited: Promise<Term> | undefined;
  #resolveExited: ((reason: Term) => void) | undefined;

  constructor(init: ProcessInit) {
    this.pid = init.pid;
    this.trapExit = init.trapExit;
    this.groupLeader = init.groupLeader ?? init.pid;
    this.#host = init.host;
    this.#mailbox = new Mailbox(init.host.clock);
    this.#timers = new Timers(init.host.clock);
    this.#onMessage = init.onMessage;
    this.#onShutdown = init.onShutdown;
  }

  get isAlive(): boolean {
    return this.#exitReason === undefined;
  }

  /** `undefined` while the process is alive. */
  get exitReason(): Term | undefined {
    return this.#exitReason;
  }

  /** What was thrown, if that is what ended the process. */
  get crashError(): unknown {
    return this.#crash?.error;
  }

  /** Resolves to the exit reason; never rejects. */
  get exited(): Promise<Term> {
    if (this.#exited !== undefined) return this.#exited;
    const reason = this.#exitReason;
    this.#exited =
      reason !== undefined
        ? Promise.resolve(reason)
        : new Promise((resolve) => {
            this.#resolveExited = resolve;
          });
    return this.#exited;
  }

  /** Aborted when the process has ended, with a {@link ProcessExit} as reason. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#exitReason !== undefined) this.#abort.abort(new ProcessExit(this.#exitReason));
    }
    return this.#abort.signal;
  }

  get registeredName(): string | undefined {
    return this.#host.nameOf(this.pid);
  }

  get mailboxLength(): number {
    return this.#mailbox.length;
  }

  /** Requests whose answer this process waits for, and timers that run; for leak tests and metrics. */
  get pending(): { readonly requests: number; readonly timers: number; readonly receives: number } {
    return {
      requests: this.#requests,
      timers: this.#timers.size,
      receives: this.#mailbox.waiting,
    };
  }

  makeRef(): Reference {
    return this.#host.makeRef();
  }

  /** Sends a message. Never fails: a message to nobody is dropped, as in Erlang. */
  send(to: Destination, message: Term, options?: DeliverOptions): void {
    if (this.isAlive) this.#host.send(this.pid, to, message, options);
  }

  /**
   * Takes the first message that matches, waiting for it if necessary.
   *
   * @throws {CallError} `timeout`
   * @throws {ProcessExit} when the process has ended
   */
  receive(options?: ReceiveOptions): Promise<Term> {
    return this.#mailbox.receive(options);
  }

  /** Links both processes; a dead `to` sends exit reason `noproc`. */
  link(to: Pid): void {
    if (this.isAlive) this.#host.link(this.pid, to);
  }

  unlink(to: Pid): void {
    if (this.isAlive) this.#host.unlink(this.pid, to);
  }

  /**
   * Asks for `{'DOWN', Ref, process, PidOr{Name,Node}, Reason}` when the target ends; at once and with
   * `noproc` when it does not exist. A name means the process that holds it now.
   */
  monitor(target: Monitorable, options: MonitorOptions = {}): Reference {
    const { ref = this.makeRef(), alias = false } = options;
    if (!this.isAlive) return ref;
    if (alias !== false) this.#host.addAlias(ref, this.pid, alias === true ? 'demonitor' : alias);
    this.#host.monitor(this.pid, target, ref);
    return ref;
  }

  /**
   * Monitors as {@link monitor} does, and tells `watcher` in place of the mailbox, until
   * {@link demonitor}. A target that does not exist may be told of before this returns.
   */
  watch(target: Monitorable, watcher: Watcher): Reference {
    const ref = this.makeRef();
    if (!this.isAlive) return ref;
    this.#watchers.set(ref, watcher);
    this.#host.monitor(this.pid, target, ref);
    return ref;
  }

  /**
   * Makes a reference that is an alias to `slot`, which takes the reply to a request, until
   * {@link endRequest}. A reply that is sent to the pid, as peers without aliases do, reaches it too.
   */
  beginRequest(slot: ReplySlot): Reference {
    const ref = this.makeRef();
    if (!this.isAlive) return ref;
    this.#requests += 1;
    this.#host.replies.open(ref, slot);
    return ref;
  }

  /** What comes under the reference from now on is dropped. */
  endRequest(ref: Reference): void {
    if (this.#host.replies.close(ref)) this.#requests -= 1;
  }

  /**
   * Ends a monitor, with its alias if that depends on it.
   *
   * @returns whether the monitor was active
   */
  demonitor(ref: Reference, options: { readonly flush?: boolean } = {}): boolean {
    this.#watchers.delete(ref);
    const active = this.#host.demonitor(this.pid, ref);
    if (options.flush) {
      this.#mailbox.take((message) => isDownMessage(message, ref));
    }
    return active;
  }

  /** Makes a reference to which messages for this process can be sent. */
  alias(options: { readonly mode?: 'explicit_unalias' | 'reply' } = {}): Reference {
    const ref = this.makeRef();
    if (this.isAlive) {
      this.#host.addAlias(ref, this.pid, options.mode ?? 'explicit_unalias');
    }
    return ref;
  }

  /** @returns whether the alias was active */
  unalias(ref: Reference): boolean {
    return this.#host.removeAlias(ref);
  }

  /** Sends an exit signal, as `exit(Pid, Reason)`; `kill` cannot be trapped. */
  exit(to: Pid, reason: Term): void {
    if (this.isAlive) this.#host.exit(this.pid, to, reason);
  }

  /**
   * Sends a message after `delayMs`, unless cancelled or this process ends first.
   *
   * @param to the receiver, this process unless given
   */
  sendAfter(delayMs: number, message: Term, to: Destination = this.pid): Reference {
    const ref = this.makeRef();
    if (this.isAlive) this.#timers.start(ref, delayMs, () => this.send(to, message));
    return ref;
  }

  /** @returns the milliseconds that were left, `undefined` if there is nothing to cancel */
  cancelTimer(ref: Reference): number | undefined {
    return this.#timers.cancel(ref);
  }

  /** Ends this process; the first reason counts. */
  stop(reason: Term = NORMAL): void {
    if (!this.isAlive) return;
    this.#exitReason = reason;
    const exit = new ProcessExit(reason);
    this.#mailbox.close(exit);
    this.#timers.cancelAll();
    this.#host.runQueue.hold(() => {
      this.#host.ended(this, reason);
      if (this.#requests === 0) return;
      for (const slot of this.#host.replies.of(this)) slot.onExit(reason);
    });
    this.#resolveExited?.(reason);
    this.#abort?.abort(exit);
  }

  /** Ends this process because of an error that nobody caught, and reports the error. */
  crash(error: unknown): void {
    const reason = exitReasonOf(error);
    if (!this.isAlive) {
      // A body that was ended from outside usually fails with our own ProcessExit: that is no news.
      if (!(error instanceof ProcessExit)) this.#host.reportError(this, error, reason);
      return;
    }
    if (!(error instanceof ProcessExit)) {
      this.#crash = { error };
      this.#host.reportError(this, error, reason);
    }
    this.stop(reason);
  }

  /** Asks for an orderly end: a server with a shutdown hook finishes in its own way. */
  shutdown(): void {
    if (!this.isAlive) return;
    if (this.#onShutdown === undefined) this.stop(SHUTDOWN);
    else this.#onShutdown(this);
  }

  /** Runs a body; used by the table when it spawns. */
  async runBody(body: (self: Process) => void | Promise<void>): Promise<void> {
    if (!this.isAlive) return;
    try {
      await body(this);
    } catch (error) {
      return this.crash(error);
    }
    this.stop(NORMAL);
  }

  /**
   * Runs `start` as if it were the first message's handler: messages wait until its promise settles.
   * Used for the initialisation of servers.
   */
  runFirst(start: () => void | Promise<void>): void {
    if (this.isAlive) this.#run(start);
  }

  /** Hands the process a message; used by the table. */
  deliver(message: Term): void {
    if (!this.isAlive) return;
    if ((this.#requests > 0 || this.#watchers.size > 0) && this.#correlated(message)) return;
    this.#mailbox.push(message);
    this.#wake();
  }

  /** Whether a request or a watcher of ours has taken the message. */
  #correlated(message: Term): boolean {
    const ref = correlationOf(message);
    if (ref === undefined) return false;
    const slot = this.#host.replies.find(ref);
    if (slot?.caller === this) {
      slot.onMessage(message);
      return true;
    }
    const watcher = this.#watchers.get(ref);
    if (watcher === undefined || !isDownMessage(message, ref)) return false;
    this.#watchers.delete(ref);
    watcher(message.elements[4]!);
    return true;
  }

  /** One message of a server; called by the run queue. */
  runTurn(): void {
    this.#queued = false;
    const onMessage = this.#onMessage;
    if (onMessage === undefined || this.#busy || !this.isAlive) return;
    const message = this.#mailbox.shift();
    if (message === undefined) return;
    this.#busy = true;
    let pending: void | Promise<void>;
    try {
      pending = onMessage(message, this);
    } catch (error) {
      this.#busy = false;
      this.crash(error);
      return;
    }
    this.#ran(pending);
  }

  #run(step: () => void | Promise<void>): void {
    let pending: void | Promise<void>;
    this.#busy = true;
    try {
      pending = step();
    } catch (error) {
      this.#busy = false;
      this.crash(error);
      return;
    }
    this.#ran(pending);
  }

  #ran(pending: void | Promise<void>): void {
    if (!(pending instanceof Promise)) {
      this.#busy = false;
      this.#wake();
      return;
    }
    pending.then(
      () => {
        this.#busy = false;
        this.#wake();
      },
      (error: unknown) => {
        this.#busy = false;
        this.crash(error);
      },
    );
  }

  #wake(): void {
    if (this.#queued || this.#busy || this.#onMessage === undefined) return;
    if (!this.isAlive || this.#mailbox.length === 0) return;
    this.#queued = true;
    this.#host.runQueue.schedule(this);
  }
}
