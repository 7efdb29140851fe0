/**
 * All processes of one node: who is alive and under which name. The front of this folder.
 *
 * What the signals between processes do is `signal-router.ts`; signals to other nodes leave through
 * {@link RemoteSignals}, signals from other nodes enter through {@link ProcessTable.receive}. Nothing in
 * this folder knows about connections, except that {@link ProcessTable.nodedown} ends what depended on one.
 */
import { type Clock, systemClock } from '../../clock.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { ProcessError } from '../errors.ts';
import { type Atom, atom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import type { Term } from '../terms/term.ts';
import { Identifiers } from './identifiers.ts';
import {
  type Destination,
  type MessageHandler,
  type Monitorable,
  Process,
  type ProcessHost,
} from './process.ts';
import { RegisteredNames } from './registered-names.ts';
import { Replies } from './replies.ts';
import { RunQueue, type RunQueueOptions } from './run-queue.ts';
import { NO_CONNECT, SignalRouter, type SpawnRequest } from './signal-router.ts';
import type { DeliverOptions, RemoteSignals, Signal } from './signals.ts';

/** A peer asks for a process on this node. */
export type SpawnRequestSignal = Extract<Signal, { type: 'spawn_request' }>;

export interface ProcessTableOptions {
  /** our node name */
  readonly node: string;
  readonly creation: number;
  readonly remote: RemoteSignals;
  readonly telemetry?: Telemetry;
  /**
   * answers requests to spawn, with {@link ProcessTable.replyToSpawn}; without it they get `notsup`.
   * Must not throw: it runs inside the delivery of the peer's signals.
   */
  readonly onSpawnRequest?: (peer: string, request: SpawnRequestSignal) => void;
  readonly clock?: Clock;
  readonly runQueue?: RunQueueOptions;
}

export interface SpawnOptions {
  /** registers the process before anything can be sent to it */
  readonly name?: string;
  readonly trapExit?: boolean;
  /**
   * links to this process from the start. A remote one is taken to have asked for it, as in a spawn
   * request: it is not told.
   */
  readonly link?: Pid;
  /** lets this process monitor the new one from the start, under a reference of its own */
  readonly monitor?: { readonly watcher: Pid; readonly ref: Reference };
  readonly groupLeader?: Pid;
}

/** Options of a callback-style process. */
export interface ServerOptions extends SpawnOptions {
  /** called with each message; what it throws ends the process */
  readonly onMessage: MessageHandler;
  /** called by `shutdown` in place of ending at once; must end the process in the end */
  readonly onShutdown?: (self: Process) => void;
}

/** How much the table holds; for leak tests and metrics. */
export interface ProcessTableSizes {
  readonly processes: number;
  readonly links: number;
  readonly monitors: number;
  readonly aliases: number;
  readonly names: number;
}

/** How many messages wait to be received. */
export interface MailboxLengths {
  /** in all mailboxes */
  readonly messages: number;
  /** in the longest */
  readonly longest: number;
}

const KILLED = atom('killed');
const NOTSUP = atom('notsup');

/** How long {@link ProcessTable.stop} waits for servers that finish in their own way. */
export const DEFAULT_STOP_TIMEOUT_MS = 2_000;

export class ProcessTable {
  readonly node: string;
  readonly creation: number;
  readonly clock: Clock;
  /** A pid of ours that belongs to no process: the sender of what no process sends. */
  readonly nobody: Pid;
  /** What new processes get as group leader; the io server of the node sets itself here. */
  groupLeader: Pid | undefined;
  /** answers requests to spawn; may be set after construction */
  onSpawnRequest: ((peer: string, request: SpawnRequestSignal) => void) | undefined;

  readonly #remote: RemoteSignals;
  readonly #telemetry: Telemetry | undefined;
  readonly #identifiers: Identifiers;
  readonly #runQueue: RunQueue;
  readonly #processes = new Map<string, Process>();
  readonly #names = new RegisteredNames();
  readonly #replies = new Replies();
  readonly #router: SignalRouter;
  readonly #host: ProcessHost;
  #stopped = false;

  constructor(options: ProcessTableOptions) {
    this.node = options.node;
    this.creation = options.creation;
    this.clock = options.clock ?? systemClock;
    this.nobody = new Pid(options.node, 0, 0, options.creation);
    this.onSpawnRequest = options.onSpawnRequest;
    this.#remote = options.remote;
    this.#telemetry = options.telemetry;
    this.#identifiers = new Identifiers(options.node, options.creation);
    this.#runQueue = new RunQueue(options.runQueue);
    this.#router = new SignalRouter({
      node: options.node,
      remote: options.remote,
      runQueue: this.#runQueue,
      replies: this.#replies,
      find: (pid) => this.get(pid),
      whereis: (name) => this.whereis(name),
    });
    this.#host = this.#makeHost();
  }

  // --- processes and names ---------------------------------------------------------------------

  /** Number of processes that are alive. */
  get size(): number {
    return this.#processes.size;
  }

  get sizes(): ProcessTableSizes {
    return {
      processes: this.#processes.size,
      ...this.#router.sizes,
      names: this.#names.list().length,
    };
  }

  /** How far the processes lag behind those who send to them; for metrics. */
  get mailboxes(): MailboxLengths {
    let messages = 0;
    let longest = 0;
    for (const { mailboxLength } of this.#processes.values()) {
      messages += mailboxLength;
      longest = Math.max(longest, mailboxLength);
    }
    return { messages, longest };
  }

  /**
   * Starts a process whose body runs in a microtask, so that the caller has the pid first. It ends
   * with `normal` when the body returns.
   *
   * @throws {ProcessError} `name_taken`, `bad_name`, or `stopped`
   */
  spawn(body: (self: Process) => void | Promise<void>, options: SpawnOptions = {}): Process {
    const process = this.#start(options, undefined, undefined);
    queueMicrotask(() => process.runBody(body));
    return process;
  }

  /**
   * Starts a process that reacts to each message in a callback; it lives until it is ended.
   *
   * @throws {ProcessError} `name_taken`, `bad_name`, or `stopped`
   */
  spawnServer(options: ServerOptions): Process {
    return this.#start(options, options.onMessage, options.onShutdown);
  }

  get(pid: Pid): Process | undefined {
    return this.#processes.get(pid.key);
  }

  /** Whether this is a process of this incarnation of our node that has not ended. */
  isAlive(pid: Pid): boolean {
    return this.#processes.has(pid.key);
  }

  /** The processes that are alive, in the order of their start. */
  processes(): Process[] {
    return [...this.#processes.values()];
  }

  /**
   * @throws {ProcessError} `name_taken`, `already_registered`, `bad_name`, or `noproc` when the process
   *   is not alive
   */
  register(name: string, pid: Pid): void {
    if (!this.isAlive(pid)) {
      throw new ProcessError('noproc', `expected ${pid} to be alive to be registered as ${name}`);
    }
    this.#names.register(name, pid);
  }

  /** @returns whether the name was registered */
  unregister(name: string): boolean {
    return this.#names.unregister(name);
  }

  whereis(name: string): Pid | undefined {
    return this.#names.whereis(name);
  }

  registered(): string[] {
    return this.#names.list();
  }

  makeRef(): Reference {
    return this.#identifiers.makeRef();
  }

  /** The processes linked to a local one. */
  linksOf(pid: Pid): Pid[] {
    return this.#router.linksOf(pid);
  }

  // --- signals from local processes ------------------------------------------------------------

  /** Sends a message; one to nobody is dropped. */
  send(from: Pid, to: Destination, message: Term, options?: DeliverOptions): void {
    this.#router.send(from, to, message, options);
  }

  /** Sends one message to many. See {@link SignalRouter.sendToAll} for how, and what it throws. */
  sendToAll(from: Pid, to: readonly Pid[], message: Term, options?: DeliverOptions): void {
    this.#router.sendToAll(from, to, message, options);
  }

  link(from: Pid, to: Pid): void {
    this.#router.link(from, to);
  }

  unlink(from: Pid, to: Pid): void {
    this.#router.unlink(from, to);
  }

  /** Monitors under a reference that the caller made with {@link makeRef}. */
  monitor(from: Pid, target: Monitorable, ref: Reference): void {
    this.#router.monitor(from, target, ref);
  }

  /** @returns whether the monitor was active */
  demonitor(from: Pid, ref: Reference): boolean {
    return this.#router.demonitor(from, ref);
  }

  /** Sends an exit signal: `exit(Pid, Reason)`. */
  exit(from: Pid, to: Pid, reason: Term): void {
    this.#router.exit(from, to, reason);
  }

  /**
   * Asks another node for a process, monitored from its start under the request's reference. The down
   * message says how it ended, or why there is none (`notsup`, `badopt`, …).
   */
  requestSpawn(node: string, request: SpawnRequest): void {
    this.#router.requestSpawn(node, request);
  }

  /**
   * Answers a request to spawn. Link and monitor are those that the request's options asked for and
   * that were set up when the process was spawned.
   *
   * @param result the new process, or an atom that says why there is none (`notsup`, `badopt`, …)
   */
  replyToSpawn(
    request: Pick<SpawnRequestSignal, 'ref' | 'from'>,
    result: Pid | Atom,
    relations: { readonly link?: boolean; readonly monitor?: boolean } = {},
  ): void {
    const flags = (relations.link ? 1 : 0) | (relations.monitor ? 2 : 0);
    const { ref, from } = request;
    this.#remote.deliver(
      from.node,
      { type: 'spawn_reply', ref, to: from, flags, result },
      NO_CONNECT,
    );
  }

  // --- signals from other nodes ----------------------------------------------------------------

  /** Applies a signal from `peer`. The caller has checked that `from` pids belong to that node. */
  receive(peer: string, signal: Signal): void {
    switch (signal.type) {
      case 'group_leader': {
        const process = this.get(signal.to);
        if (process !== undefined) process.groupLeader = signal.leader;
        break;
      }
      case 'spawn_request':
        if (this.onSpawnRequest === undefined) this.replyToSpawn(signal, NOTSUP);
        else this.onSpawnRequest(peer, signal);
        break;
      default:
        this.#router.receive(peer, signal);
    }
  }

  /**
   * The connection to `node` is lost or could not be made. Fires `noconnection` for every link and
   * monitor of ours that depends on it, and forgets what its processes asked of ours. All of it is
   * delivered before any process reacts. Callback-style processes that are idle have reacted when this
   * returns, except when it is called from within the turn of a process: then they react after that turn.
   */
  nodedown(node: string): void {
    this.#router.nodedown(node);
  }

  /**
   * Ends all processes with reason `shutdown`, the latest first. Servers may finish in their own way
   * within `timeoutMs`; what is left then is killed. Nothing can be spawned any more.
   */
  async stop(timeoutMs: number = DEFAULT_STOP_TIMEOUT_MS): Promise<void> {
    this.#stopped = true;
    const running = this.processes().reverse();
    for (const process of running) process.shutdown();
    const slow = running.filter((process) => process.isAlive);
    if (slow.length === 0) return;
    await new Promise<void>((resolve) => {
      const cancelTimer = this.clock.setTimer(timeoutMs, resolve);
      Promise.all(slow.map((process) => process.exited)).then(() => {
        cancelTimer();
        resolve();
      });
    });
    for (const process of this.processes()) process.stop(KILLED);
  }

  // --- inside ----------------------------------------------------------------------------------

  #start(
    options: SpawnOptions,
    onMessage: MessageHandler | undefined,
    onShutdown: ((self: Process) => void) | undefined,
  ): Process {
    if (this.#stopped) {
      throw new ProcessError('stopped', `cannot spawn: the processes of ${this.node} are stopped`);
    }
    const { name, link, monitor } = options;
    const process = new Process({
      pid: this.#identifiers.makePid(),
      host: this.#host,
      groupLeader: options.groupLeader ?? this.groupLeader,
      trapExit: options.trapExit ?? false,
      onMessage,
      onShutdown,
    });
    if (name !== undefined) this.#names.register(name, process.pid);
    this.#processes.set(process.pid.key, process);
    if (monitor !== undefined) {
      this.#router.monitorNew(process.pid, monitor.watcher, monitor.ref);
    }
    if (link !== undefined) this.#router.linkNew(process.pid, link);
    return process;
  }

  #makeHost(): ProcessHost {
    const names = this.#names;
    const router = this.#router;
    return {
      clock: this.clock,
      runQueue: this.#runQueue,
      replies: this.#replies,
      makeRef: () => this.makeRef(),
      nameOf: (pid) => names.nameOf(pid),
      send: (from, to, message, options) => router.send(from, to, message, options),
      link: (from, to) => router.link(from, to),
      unlink: (from, to) => router.unlink(from, to),
      monitor: (from, target, ref) => router.monitor(from, target, ref),
      demonitor: (from, ref) => router.demonitor(from, ref),
      addAlias: (ref, pid, mode) => router.addAlias(ref, pid, mode),
      removeAlias: (ref) => router.removeAlias(ref),
      exit: (from, to, reason) => router.exit(from, to, reason),
      ended: (process, reason) => this.#ended(process, reason),
      reportError: (process, error, reason) => this.#reportError(process, error, reason),
    };
  }

  #ended({ pid }: Process, reason: Term): void {
    this.#processes.delete(pid.key);
    this.#names.release(pid);
    this.#router.ended(pid, reason);
  }

  #reportError(process: Process, error: unknown, reason: Term): void {
    const metadata = { node: this.node, pid: process.pid, name: process.registeredName };
    const event = process.isAlive ? 'process.crashed' : 'process.error_after_exit';
    this.#telemetry?.execute(event, {}, { ...metadata, error, reason });
  }
}
