/**
 * What signals do: messages, links, monitors, aliases and exits between processes, wherever they are.
 *
 * A signal between local processes takes effect at once; one to another node leaves through
 * {@link RemoteSignals}; one from another node enters through {@link SignalRouter.receive}.
 *
 * A signal to a pid of ours with another creation meets a dead process. Answers to a peer (exit and down
 * signals, acknowledgements) never dial: without the connection nobody waits for them.
 *
 * @see OTP "Distribution Protocol", Protocol between Connected Nodes
 */
import { TermError } from '../errors.ts';
import { Atom, atom, isAtom } from '../terms/atom.ts';
import { EncodedTerm } from '../terms/encode.ts';
import { Pid } from '../terms/pid.ts';
import { Reference } from '../terms/reference.ts';
import type { Term } from '../terms/term.ts';
import { Aliases, type AliasMode } from './aliases.ts';
import { Links } from './links.ts';
import { type Monitor, Monitors } from './monitors.ts';
import { type Destination, exitReasonOf, type Monitorable, type Process } from './process.ts';
import type { Replies } from './replies.ts';
import type { RunQueue } from './run-queue.ts';
import type { DeliverOptions, MonitorTarget, RemoteSignals, Signal } from './signals.ts';
import { downMessage, exitMessage } from './system-messages.ts';

/** The signals that tie processes together; the others ask us for a new one or change settings. */
export type RelationSignal = Exclude<Signal, { type: 'group_leader' } | { type: 'spawn_request' }>;

/** What a request to another node says of the process to be made there. */
export type SpawnRequest = Omit<Extract<Signal, { type: 'spawn_request' }>, 'type' | 'options'>;

type EndSignal = Extract<Signal, { type: 'exit_link' | 'down' }>;

export interface SignalRouterOptions {
  /** our node name */
  readonly node: string;
  readonly remote: RemoteSignals;
  readonly runQueue: RunQueue;
  readonly replies: Replies;
  /** the local process with this pid, if it is alive */
  readonly find: (pid: Pid) => Process | undefined;
  /** the local process registered under this name */
  readonly whereis: (name: string) => Pid | undefined;
}

const NOPROC = atom('noproc');
const NOCONNECTION = atom('noconnection');
const KILLED = atom('killed');
const MONITOR = atom('monitor');
/** Stands for a process that is asked for and has no pid yet. */
const UNBORN = atom('undefined');

/** For signals that must not dial. */
export const NO_CONNECT: DeliverOptions = { connect: false };

export class SignalRouter {
  readonly #node: string;
  readonly #remote: RemoteSignals;
  readonly #runQueue: RunQueue;
  readonly #replies: Replies;
  readonly #find: (pid: Pid) => Process | undefined;
  readonly #whereis: (name: string) => Pid | undefined;
  readonly #links: Links;
  readonly #monitors: Monitors;
  readonly #aliases = new Aliases();
  readonly #endings: { readonly pid: Pid; readonly reason: Term }[] = [];
  #announcing = false;

  constructor(options: SignalRouterOptions) {
    this.#node = options.node;
    this.#remote = options.remote;
    this.#runQueue = options.runQueue;
    this.#replies = options.replies;
    this.#find = options.find;
    this.#whereis = options.whereis;
    this.#links = new Links(options.node);
    this.#monitors = new Monitors(options.node);
  }

  get sizes(): { readonly links: number; readonly monitors: number; readonly aliases: number } {
    return {
      links: this.#links.size,
      monitors: this.#monitors.size,
      aliases: this.#aliases.size + this.#replies.size,
    };
  }

  // --- signals from local processes ------------------------------------------------------------

  /** Sends a message; one to nobody is dropped. */
  send(from: Pid, to: Destination, message: Term, options?: DeliverOptions): void {
    if (to instanceof Pid) {
      if (to.node === this.#node) this.#find(to)?.deliver(message);
      else this.#remote.deliver(to.node, { type: 'send', from, to, message }, options);
    } else if (to instanceof Atom) {
      this.#deliverToName(to.name, message);
    } else if (to instanceof Reference) {
      if (to.node === this.#node) this.#deliverToAlias(to, message);
      else this.#remote.deliver(to.node, { type: 'send_alias', from, to, message }, options);
    } else if (to.node === this.#node) {
      this.#deliverToName(to.name, message);
    } else {
      const signal = { type: 'send_name', from, to: atom(to.name), message } as const;
      this.#remote.deliver(to.node, signal, options);
    }
  }

  /**
   * Sends one message to many, and encodes it once for all on other nodes. It does without the atom caches
   * of the connections then, so that the same bytes serve each of them.
   *
   * @throws {TermError} `unencodable` for what is no term; nobody gets it then
   */
  sendToAll(from: Pid, to: readonly Pid[], message: Term, options?: DeliverOptions): void {
    if (to.length === 1) {
      this.send(from, to[0]!, message, options);
      return;
    }
    const encoded = new EncodedTerm(message);
    for (const pid of to) {
      if (pid.node === this.#node) this.#find(pid)?.deliver(message);
      else {
        const signal = { type: 'send', from, to: pid, message, encoded } as const;
        this.#remote.deliver(pid.node, signal, options);
      }
    }
  }

  link(from: Pid, to: Pid): void {
    if (from.equals(to)) return;
    if (to.node !== this.#node) {
      if (this.#links.activate(from, to)) {
        this.#remote.deliver(to.node, { type: 'link', from, to });
      }
    } else if (this.#find(to) !== undefined) {
      this.#links.activate(from, to);
      this.#links.activate(to, from);
    } else {
      this.#exitOverLink(to, from, NOPROC);
    }
  }

  unlink(from: Pid, to: Pid): void {
    if (to.node === this.#node) {
      this.#links.breakLink(from, to);
      this.#links.breakLink(to, from);
      return;
    }
    const id = this.#links.deactivate(from, to);
    if (id !== undefined) {
      this.#remote.deliver(to.node, { type: 'unlink', id, from, to }, NO_CONNECT);
    }
  }

  /** Monitors under a reference that the caller made with {@link makeRef}. */
  monitor(from: Pid, target: Monitorable, ref: Reference): void {
    const { named, node } = this.#resolve(target);
    if (node !== this.#node) {
      this.#monitors.add({ ref, watcher: from, target: named, node, watched: undefined });
      this.#remote.deliver(node, { type: 'monitor', from, target: named, ref });
      return;
    }
    const watched = this.#bind(named);
    const monitor: Monitor = { ref, watcher: from, target: named, node, watched };
    if (watched === undefined) this.#fireDown(monitor, NOPROC);
    else this.#monitors.add(monitor);
  }

  /** @returns whether the monitor was active */
  demonitor(from: Pid, ref: Reference): boolean {
    const monitor = this.#monitors.find(this.#node, ref);
    if (monitor === undefined || !monitor.watcher.equals(from)) return false;
    this.#aliases.monitorEnded(ref);
    this.#removeOutgoing(monitor);
    return true;
  }

  /** Sends an exit signal: `exit(Pid, Reason)`. */
  exit(from: Pid, to: Pid, reason: Term): void {
    if (to.node === this.#node) this.#exitSignal(from, to, reason);
    else this.#remote.deliver(to.node, { type: 'exit', from, to, reason });
  }

  /**
   * Asks another node for a process, monitored from its start under the request's reference. Only the
   * down message tells of it: with the reason for which it ended, or why there is none, such as `notsup`.
   */
  requestSpawn(node: string, request: SpawnRequest): void {
    const { ref, from } = request;
    this.#monitors.add({ ref, watcher: from, target: UNBORN, node, watched: undefined });
    this.#remote.deliver(node, { type: 'spawn_request', ...request, options: [MONITOR] });
  }

  /** Links a new process to the one that asked for it; a remote one has not to be told. */
  linkNew(pid: Pid, parent: Pid): void {
    if (parent.node === this.#node) this.link(pid, parent);
    else this.#links.accept(pid, parent);
  }

  /** Lets `watcher` monitor a new process under a reference of its own. */
  monitorNew(pid: Pid, watcher: Pid, ref: Reference): void {
    this.#monitors.add({ ref, watcher, target: pid, node: this.#node, watched: pid });
  }

  addAlias(ref: Reference, pid: Pid, mode: AliasMode): void {
    this.#aliases.add(ref, pid, mode);
  }

  /** @returns whether the alias was active */
  removeAlias(ref: Reference): boolean {
    return this.#aliases.remove(ref);
  }

  /** The processes linked to a local one. */
  linksOf(pid: Pid): Pid[] {
    return this.#links.of(pid);
  }

  // --- signals from other nodes ----------------------------------------------------------------

  /** Applies a signal from `peer`. The caller has checked that `from` pids belong to that node. */
  receive(peer: string, signal: RelationSignal): void {
    switch (signal.type) {
      case 'send':
        this.#find(signal.to)?.deliver(signal.message);
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
        this.#remote.deliver(peer, { type: 'unlink_ack', id, from: to, to: from }, NO_CONNECT);
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
      case 'exit_alias': {
        const { from, to, reason } = signal;
        const pid = this.#replies.find(to)?.caller.pid ?? this.#aliases.find(to)?.pid;
        if (pid !== undefined) this.#exitSignal(from, pid, reason);
        break;
      }
      case 'monitor':
        this.#receiveMonitor(peer, signal.from, signal.target, signal.ref);
        break;
      case 'demonitor':
        this.#monitors.remove(peer, signal.ref);
        break;
      case 'spawn_reply':
        this.#receiveSpawnReply(peer, signal.to, signal.ref, signal.result);
        break;
      case 'down':
        this.#receiveDown(peer, signal.to, signal.ref, signal.reason);
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
        if (monitor.watcher.node === this.#node) this.#fireDown(monitor, NOCONNECTION);
      }
    });
  }

  /**
   * A local process has ended: undoes what it asked for and tells those who linked to it or monitor it.
   * A chain of linked processes ends one by one on a list, not by recursion: `stop` of the next process
   * comes back here while the loop of the first still runs.
   */
  ended(pid: Pid, reason: Term): void {
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
      if (other.node === this.#node) {
        if (this.#links.breakLink(other, pid)) this.#exitOverLink(pid, other, reason);
      } else {
        this.#sendEnd(other.node, { type: 'exit_link', from: pid, to: other, reason });
      }
    }
    for (const monitor of this.#monitors.takeWatching(pid)) this.#fireDown(monitor, reason);
  }

  // --- inside ----------------------------------------------------------------------------------

  /** Tells the watcher, local or remote, that what it monitors has ended. */
  #fireDown(monitor: Monitor, reason: Term): void {
    const { ref, watcher, target, watched } = monitor;
    if (watcher.node === this.#node) {
      this.#aliases.monitorEnded(ref);
      this.#find(watcher)?.deliver(downMessage(monitor, reason));
    } else {
      const ended = watched === undefined ? {} : { ended: watched };
      this.#sendEnd(watcher.node, {
        type: 'down',
        from: target,
        ...ended,
        to: watcher,
        ref,
        reason,
      });
    }
  }

  /** Whoever waits for the end hears of it in any case, also if its reason turns out to be no term. */
  #sendEnd(node: string, signal: EndSignal): void {
    try {
      this.#remote.deliver(node, signal, NO_CONNECT);
    } catch (error) {
      if (!(error instanceof TermError)) throw error;
      this.#remote.deliver(node, { ...signal, reason: exitReasonOf(error) }, NO_CONNECT);
    }
  }

  /** An exit signal because of `exit(Pid, Reason)`. */
  #exitSignal(from: Pid, to: Pid, reason: Term): void {
    const process = this.#find(to);
    if (process === undefined) return;
    if (isAtom(reason, 'kill')) process.stop(KILLED);
    else if (process.trapExit) process.deliver(exitMessage(from, reason));
    else if (!isAtom(reason, 'normal') || from.equals(to)) process.stop(reason);
  }

  /** An exit signal because a linked process has ended; here `kill` is a reason like any other. */
  #exitOverLink(from: Pid, to: Pid, reason: Term): void {
    const process = this.#find(to);
    if (process === undefined) return;
    if (process.trapExit) process.deliver(exitMessage(from, reason));
    else if (!isAtom(reason, 'normal')) process.stop(reason);
  }

  #receiveLink(peer: string, from: Pid, to: Pid): void {
    if (this.#find(to) !== undefined) {
      this.#links.accept(to, from);
      return;
    }
    this.#sendEnd(peer, { type: 'exit_link', from: to, to: from, reason: NOPROC });
  }

  #receiveMonitor(peer: string, watcher: Pid, target: MonitorTarget, ref: Reference): void {
    const watched = this.#bind(target);
    const monitor: Monitor = { ref, watcher, target, node: this.#node, watched };
    if (watched !== undefined) {
      this.#monitors.add(monitor);
      return;
    }
    this.#sendEnd(peer, { type: 'down', from: target, to: watcher, ref, reason: NOPROC });
  }

  #receiveDown(peer: string, to: Pid, ref: Reference, reason: Term): void {
    const monitor = this.#monitors.find(this.#node, ref);
    // Unknown: we have demonitored meanwhile. Another node's monitor is not the peer's to fire.
    if (monitor === undefined || monitor.node !== peer || !monitor.watcher.equals(to)) return;
    this.#monitors.remove(this.#node, ref);
    this.#fireDown(monitor, reason);
  }

  #receiveSpawnReply(peer: string, to: Pid, ref: Reference, result: Pid | Atom): void {
    const monitor = this.#monitors.find(this.#node, ref);
    // Unknown: whoever asked has ended meanwhile, and has told the peer so.
    if (monitor === undefined || monitor.node !== peer || !monitor.watcher.equals(to)) return;
    if (result instanceof Pid) this.#monitors.add({ ...monitor, target: result });
    else this.#receiveDown(peer, to, ref, result);
  }

  #removeOutgoing(monitor: Monitor): void {
    this.#monitors.remove(this.#node, monitor.ref);
    this.#tellDemonitored(monitor);
  }

  #tellDemonitored(monitor: Monitor): void {
    if (monitor.node === this.#node) return;
    const { watcher: from, target, ref } = monitor;
    this.#remote.deliver(monitor.node, { type: 'demonitor', from, target, ref }, NO_CONNECT);
  }

  #deliverToName(name: string, message: Term): void {
    const pid = this.#whereis(name);
    if (pid !== undefined) this.#find(pid)?.deliver(message);
  }

  #deliverToAlias(ref: Reference, message: Term): void {
    const slot = this.#replies.find(ref);
    if (slot !== undefined) {
      slot.onMessage(message);
      return;
    }
    const alias = this.#aliases.find(ref);
    if (alias === undefined) return;
    if (alias.mode === 'reply' || alias.mode === 'reply_demonitor') this.#aliases.remove(ref);
    if (alias.mode === 'reply_demonitor') {
      const monitor = this.#monitors.find(this.#node, ref);
      if (monitor !== undefined) this.#removeOutgoing(monitor);
    }
    this.#find(alias.pid)?.deliver(message);
  }

  #resolve(target: Monitorable): { readonly named: MonitorTarget; readonly node: string } {
    if (target instanceof Pid) return { named: target, node: target.node };
    if (target instanceof Atom) return { named: target, node: this.#node };
    return { named: atom(target.name), node: target.node };
  }

  /** The local process that a monitor names, if it is alive. */
  #bind(target: MonitorTarget): Pid | undefined {
    const pid = target instanceof Pid ? target : this.#whereis(target.name);
    return pid !== undefined && this.#find(pid) !== undefined ? pid : undefined;
  }
}
