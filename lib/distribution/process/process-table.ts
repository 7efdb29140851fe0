/**
 * All processes of one node: who is alive, under which name, linked to and monitored by whom.
 *
 * Signals between local processes are applied here directly; signals to other nodes leave through
 * {@link RemoteSignals}, signals from other nodes enter through {@link ProcessTable.receive}. Nothing in
 * this folder knows about connections, except that {@link ProcessTable.nodedown} ends what depended on one.
 *
 * A signal to a pid of ours with another creation meets a dead process. Answers to a peer (exit and down
 * signals, acknowledgements) never dial: without the connection nobody waits for them.
 *
 * @see OTP "Distribution Protocol", Protocol between Connected Nodes
 */

import { type Clock, systemClock } from '../../clock.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { ProcessError } from '../errors.ts';
import { Atom, atom, isAtom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import { Reference } from '../terms/reference.ts';
import type { Term } from '../terms/term.ts';
import { Aliases, type AliasMode } from './aliases.ts';
import { Identifiers } from './identifiers.ts';
import { Links } from './links.ts';
import { type Monitor, Monitors } from './monitors.ts';
import {
  type Destination,
  type MessageHandler,
  type Monitorable,
  Process,
  type ProcessHost,
  type RemoteName,
} from './process.ts';
import { RegisteredNames } from './registered-names.ts';
import { RunQueue, type RunQueueOptions } from './run-queue.ts';
import type { DeliverOptions, MonitorTarget, RemoteSignals, Signal } from './signals.ts';
import { downMessage, exitMessage } from './system-messages.ts';

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

const NOPROC = atom('noproc');
const NOCONNECTION = atom('noconnection');
const KILLED = atom('killed');
const NOTSUP = atom('notsup');
const ANSWER: DeliverOptions = { connect: false };

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
  readonly #links: Links;
  readonly #monitors: Monitors;
  readonly #aliases = new Aliases();
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
    this.#links = new Links(options.node);
    this.#monitors = new Monitors(options.node);
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
      links: this.#links.size,
      monitors: this.#monitors.size,
      aliases: this.#aliases.size,
      names: this.#names.list().length,
    };
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
    return this.#links.of(pid);
  }

  // --- signals from local processes ------------------------------------------------------------

  /** Sends a message; one to nobody is dropped. */
  send(from: Pid, to: Destination, message: Term, options?: DeliverOptions): void {
    if (to instanceof Pid) {
      if (to.node === this.node) this.get(to)?.deliver(message);
      else this.#remote.deliver(to.node, { type: 'send', from, to, message }, options);
    } else if (to instanceof Atom) {
      this.#deliverToName(to.name, message);
    } else if (to instanceof Reference) {
      if (to.node === this.node) this.#deliverToAlias(to, message);
      else this.#remote.deliver(to.node, { type: 'send_alias', from, to, message }, options);
    } else if (to.node === this.node) {
      this.#deliverToName(to.name, message);
    } else {
      const signal = { type: 'send_name', from, to: atom(to.name), message } as const;
      this.#remote.deliver(to.node, signal, options);
    }
  }

  link(from: Pid, to: Pid): void {
    if (from.equals(to)) return;
    if (to.node !== this.node) {
      if (this.#links.activate(from, to)) {
        this.#remote.deliver(to.node, { type: 'link', from, to });
      }
    } else if (this.isAlive(to)) {
      this.#links.activate(from, to);
      this.#links.activate(to, from);
    } else {
      this.#exitOverLink(to, from, NOPROC);
    }
  }

  unlink(from: Pid, to: Pid): void {
    if (to.node === this.node) {
      this.#links.breakLink(from, to);
      this.#links.breakLink(to, from);
      return;
    }
    const id = this.#links.deactivate(from, to);
    if (id !== undefined) {
      this.#remote.deliver(to.node, { type: 'unlink', id, from, to }, ANSWER);
    }
  }

  /** Monitors under a reference that the caller made with {@link makeRef}. */
  monitor(from: Pid, target: Monitorable, ref: Reference): void {
    const { named, node } = this.#resolve(target);
    if (node !== this.node) {
      this.#monitors.add({ ref, watcher: from, target: named, node, watched: undefined });
      this.#remote.deliver(node, { type: 'monitor', from, target: named, ref });
      return;
    }
    const watched = this.#find(named);
    const monitor: Monitor = { ref, watcher: from, target: named, node, watched };
    if (watched === undefined) this.#fireDown(monitor, NOPROC);
    else this.#monitors.add(monitor);
  }

  /** @returns whether the monitor was active */
  demonitor(from: Pid, ref: Reference): boolean {
    const monitor = this.#monitors.find(this.node, ref);
    if (monitor === undefined || !monitor.watcher.equals(from)) return false;
    this.#aliases.monitorEnded(ref);
    this.#removeOutgoing(monitor);
    return true;
  }

  /** Sends an exit signal: `exit(Pid, Reason)`. */
  exit(from: Pid, to: Pid, reason: Term): void {
    if (to.node === this.node) this.#exitSignal(from, to, reason);
    else this.#remote.deliver(to.node, { type: 'exit', from, to, reason });
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
    this.#remote.deliver(from.node, { type: 'spawn_reply', ref, to: from, flags, result }, ANSWER);
  }

  // --- signals from other nodes ----------------------------------------------------------------

  /** Applies a signal from `peer`. The caller has checked that `from` pids belong to that node. */
  receive(peer: string, signal: Signal): void {
    switch (signal.type) {
      case 'send':
        this.get(signal.to)?.deliver(signal.message);
        break;
      case 'send_name':
        this.#deliverToName(signal.to.name, signal.message);
        break;
      case 'send_alias':
        this.#deliverToAlias(signal.to, signal.message);
        break;
      case 'link':
        this.#receiveLink(peer, signal.from, signal.to);
        break;
      case 'unlink': {
        const { id, from, to } = signal;
        this.#links.breakLink(to, from);
        // Before any other signal to that process, and also on behalf of a dead one: the peer keeps
        // the entry until it is acknowledged.
        this.#remote.deliver(peer, { type: 'unlink_ack', id, from: to, to: from }, ANSWER);
        break;
      }
      case 'unlink_ack':
        this.#links.acknowledge(signal.to, signal.from, signal.id);
        break;
      case 'exit_link':
        if (this.#links.breakLink(signal.to, signal.from)) {
          this.#exitOverLink(signal.from, signal.to, signal.reason);
        }
        break;
      case 'exit':
        this.#exitSignal(signal.from, signal.to, signal.reason);
        break;
      case 'monitor':
        this.#receiveMonitor(peer, signal.from, signal.target, signal.ref);
        break;
      case 'demonitor':
        this.#monitors.remove(peer, signal.ref);
        break;
      case 'down':
        this.#receiveDown(peer, signal.to, signal.ref, signal.reason);
        break;
      case 'group_leader': {
        const process = this.get(signal.to);
        if (process !== undefined) process.groupLeader = signal.leader;
        break;
      }
      case 'spawn_request':
        if (this.onSpawnRequest === undefined) this.replyToSpawn(signal, NOTSUP);
        else this.onSpawnRequest(peer, signal);
        break;
      case 'spawn_reply':
        // We send no requests to spawn, so nobody waits for this.
        this.#telemetry?.execute('process.signal.dropped', {}, { peer, type: signal.type });
        break;
    }
  }

  /**
   * The connection to `node` is lost or could not be made. Fires `noconnection` for every link and
   * monitor of ours that depends on it, and forgets what its processes asked of ours. All of it is
   * delivered before any process reacts. Callback-style processes that are idle have reacted when this
   * returns, except when it is called from within the turn of a process: then they react after that turn.
   */
  nodedown(node: string): void {
    this.#runQueue.hold(() => {
      for (const { local, other } of this.#links.takeNode(node)) {
        this.#exitOverLink(other, local, NOCONNECTION);
      }
      for (const monitor of this.#monitors.takeNode(node)) {
        if (monitor.watcher.node === this.node) this.#fireDown(monitor, NOCONNECTION);
      }
    });
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
      const { watcher, ref } = monitor;
      const { pid } = process;
      this.#monitors.add({ ref, watcher, target: pid, node: this.node, watched: pid });
    }
    if (link !== undefined) {
      if (link.node === this.node) this.link(process.pid, link);
      else this.#links.accept(process.pid, link);
    }
    return process;
  }

  #makeHost(): ProcessHost {
    const names = this.#names;
    const aliases = this.#aliases;
    return {
      clock: this.clock,
      runQueue: this.#runQueue,
      makeRef: () => this.makeRef(),
      nameOf: (pid) => names.nameOf(pid),
      send: (from, to, message, options) => this.send(from, to, message, options),
      link: (from, to) => this.link(from, to),
      unlink: (from, to) => this.unlink(from, to),
      monitor: (from, target, ref) => this.monitor(from, target, ref),
      demonitor: (from, ref) => this.demonitor(from, ref),
      addAlias: (ref: Reference, pid: Pid, mode: AliasMode) => aliases.add(ref, pid, mode),
      removeAlias: (ref) => aliases.remove(ref),
      exit: (from, to, reason) => this.exit(from, to, reason),
      ended: (process, reason) => this.#ended(process, reason),
      reportError: (process, error, reason) => this.#reportError(process, error, reason),
    };
  }

  /**
   * A chain of linked processes ends one by one on this list, not by recursion: `stop` of the next
   * process comes back here while the loop of the first still runs.
   */
  readonly #endings: { readonly pid: Pid; readonly reason: Term }[] = [];
  #announcing = false;

  #ended(process: Process, reason: Term): void {
    const { pid } = process;
    this.#processes.delete(pid.key);
    this.#names.release(pid);
    this.#aliases.removeAll(pid);
    for (const monitor of this.#monitors.takeWatchedBy(pid)) this.#tellDemonitored(monitor);
    this.#endings.push({ pid, reason });
    if (this.#announcing) return;
    this.#announcing = true;
    try {
      for (let ending = this.#endings.shift(); ending; ending = this.#endings.shift()) {
        this.#announceEnd(ending.pid, ending.reason);
      }
    } finally {
      this.#announcing = false;
    }
  }

  #announceEnd(pid: Pid, reason: Term): void {
    for (const other of this.#links.takeAll(pid)) {
      if (other.node === this.node) {
        if (this.#links.breakLink(other, pid)) this.#exitOverLink(pid, other, reason);
      } else {
        const signal = { type: 'exit_link', from: pid, to: other, reason } as const;
        this.#remote.deliver(other.node, signal, ANSWER);
      }
    }
    for (const monitor of this.#monitors.takeWatching(pid)) this.#fireDown(monitor, reason);
  }

  #reportError(process: Process, error: unknown, reason: Term): void {
    const metadata = { node: this.node, pid: process.pid, name: process.registeredName };
    const event = process.isAlive ? 'process.crashed' : 'process.error_after_exit';
    this.#telemetry?.execute(event, {}, { ...metadata, error, reason });
  }

  /** Tells the watcher, local or remote, that what it monitors has ended. */
  #fireDown(monitor: Monitor, reason: Term): void {
    const { ref, watcher, target } = monitor;
    if (watcher.node === this.node) {
      this.#aliases.monitorEnded(ref);
      this.get(watcher)?.deliver(downMessage(monitor, reason));
    } else {
      const signal = { type: 'down', from: target, to: watcher, ref, reason } as const;
      this.#remote.deliver(watcher.node, signal, ANSWER);
    }
  }

  /** An exit signal because of `exit(Pid, Reason)`. */
  #exitSignal(from: Pid, to: Pid, reason: Term): void {
    const process = this.get(to);
    if (process === undefined) return;
    if (isAtom(reason, 'kill')) process.stop(KILLED);
    else if (process.trapExit) process.deliver(exitMessage(from, reason));
    else if (!isAtom(reason, 'normal') || from.equals(to)) process.stop(reason);
  }

  /** An exit signal because a linked process has ended; here `kill` is a reason like any other. */
  #exitOverLink(from: Pid, to: Pid, reason: Term): void {
    const process = this.get(to);
    if (process === undefined) return;
    if (process.trapExit) process.deliver(exitMessage(from, reason));
    else if (!isAtom(reason, 'normal')) process.stop(reason);
  }

  #receiveLink(peer: string, from: Pid, to: Pid): void {
    if (this.isAlive(to)) {
      this.#links.accept(to, from);
      return;
    }
    const signal = { type: 'exit_link', from: to, to: from, reason: NOPROC } as const;
    this.#remote.deliver(peer, signal, ANSWER);
  }

  #receiveMonitor(peer: string, watcher: Pid, target: MonitorTarget, ref: Reference): void {
    const watched = this.#find(target);
    const monitor: Monitor = { ref, watcher, target, node: this.node, watched };
    if (watched !== undefined) {
      this.#monitors.add(monitor);
      return;
    }
    const signal = { type: 'down', from: target, to: watcher, ref, reason: NOPROC } as const;
    this.#remote.deliver(peer, signal, ANSWER);
  }

  #receiveDown(peer: string, to: Pid, ref: Reference, reason: Term): void {
    const monitor = this.#monitors.find(this.node, ref);
    // Unknown: we have demonitored meanwhile. Another node's monitor is not the peer's to fire.
    if (monitor === undefined || monitor.node !== peer || !monitor.watcher.equals(to)) return;
    this.#monitors.remove(this.node, ref);
    this.#fireDown(monitor, reason);
  }

  #removeOutgoing(monitor: Monitor): void {
    this.#monitors.remove(this.node, monitor.ref);
    this.#tellDemonitored(monitor);
  }

  #tellDemonitored(monitor: Monitor): void {
    if (monitor.node === this.node) return;
    const { watcher: from, target, ref } = monitor;
    this.#remote.deliver(monitor.node, { type: 'demonitor', from, target, ref }, ANSWER);
  }

  #deliverToName(name: string, message: Term): void {
    const pid = this.#names.whereis(name);
    if (pid !== undefined) this.get(pid)?.deliver(message);
  }

  #deliverToAlias(ref: Reference, message: Term): void {
    const alias = this.#aliases.find(ref);
    if (alias === undefined) return;
    if (alias.mode === 'reply' || alias.mode === 'reply_demonitor') this.#aliases.remove(ref);
    if (alias.mode === 'reply_demonitor') {
      const monitor = this.#monitors.find(this.node, ref);
      if (monitor !== undefined) this.#removeOutgoing(monitor);
    }
    this.get(alias.pid)?.deliver(message);
  }

  #resolve(target: Monitorable): { readonly named: MonitorTarget; readonly node: string } {
    if (target instanceof Pid) return { named: target, node: target.node };
    if (target instanceof Atom) return { named: target, node: this.node };
    return { named: atom(target.name), node: (target as RemoteName).node };
  }

  /** The local process that a monitor names, if it is alive. */
  #find(target: MonitorTarget): Pid | undefined {
    const pid = target instanceof Pid ? target : this.#names.whereis(target.name);
    return pid !== undefined && this.isAlive(pid) ? pid : undefined;
  }
}
