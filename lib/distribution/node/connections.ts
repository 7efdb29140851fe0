/**
 * All connections of one node: dialling, accepting, and the order of what happens when one comes
 * up or goes down. Knows names, sockets and signals; who the processes are is the business of others.
 *
 * Up: the connection is entered in the table, the listeners run (what they send goes first, unless
 * the same process has signals waiting), the signals that waited follow, and only then the peer's
 * first bytes are looked at.
 * Down: the connection leaves the table, monitors and links fire, then the listeners run; all of
 * it in one turn, so no new connection to the same node can come up in between.
 */
import type { Socket } from 'node:net';
import { ConnectionError, type DistributionError } from '../errors.ts';
import type { DeliverOptions, Signal } from '../process/signals.ts';
import type { Pid } from '../terms/pid.ts';
import { DFLAG_PUBLISHED, hasFlag } from '../wire/flags.ts';
import { MessageDecoder } from '../wire/message-decoder.ts';
import { MessageEncoder } from '../wire/message-encoder.ts';
import { Attempt, type AttemptOwner, type Established } from './attempt.ts';
import type { NodeEvent } from './cluster-node.ts';
import { type CloseReason, Connection } from './connection.ts';
import { ConnectionTable, type InboundDecision } from './connection-table.ts';
import type { Dial } from './dial.ts';
import type { NodeIdentity } from './identity.ts';
import { NodeListeners } from './node-listeners.ts';
import { senderOf } from './outbox.ts';
import { signalForms } from './signal-codec.ts';
import { SignalScale, type WaitingLimits, WaitingSignals } from './waiting-signals.ts';

/** What a connection attempt came to. */
export type DialResult =
  | { readonly connected: true }
  | { readonly connected: false; readonly error: DistributionError };

/** What a connection may take of time and memory. */
export interface ConnectionLimits extends WaitingLimits {
  readonly netTickTimeMs: number;
  /** time for each step of a set-up: look-up, TCP connection, every handshake message */
  readonly setupTimeMs: number;
  readonly maxFrameBytes: number;
  readonly highWaterMarkBytes: number;
}

export interface ConnectionsOptions {
  readonly identity: NodeIdentity;
  readonly limits: ConnectionLimits;
  readonly dial: Dial;
  /** stands for a sender that a message does not name */
  readonly nobody: Pid;
  /** a signal from a peer; its `from` pid was checked to be of that peer where OTP checks it */
  readonly onSignal: (peer: string, signal: Signal) => void;
  /** monitors and links with `node` are to fire `noconnection` */
  readonly onUnreachable: (node: string) => void;
  readonly onRefused: (refusal: Refusal) => void;
  /** a fault of ours, in a listener or a signal, that concerns no one connection */
  readonly onFault: (error: unknown) => void;
}

/** A set-up that did not come to a connection, for logs and telemetry. */
export interface Refusal {
  readonly node: string | undefined;
  readonly direction: 'in' | 'out';
  readonly error: DistributionError;
  readonly remoteAddress: string | undefined;
}

interface Waiting {
  readonly signals: WaitingSignals;
  readonly dialled: ((result: DialResult) => void)[];
  /** somebody asked for a connection, not only for his place behind those who did */
  dialWanted: boolean;
  /** the peer's own attempt failed, and ours took its place */
  dialledInstead: boolean;
}

/** A connection whose listeners run while signals wait: who sent those must not overtake himself. */
interface Arriving {
  readonly connection: Connection;
  readonly signals: Signal[];
  readonly senders: ReadonlySet<string>;
}

export class Connections implements AttemptOwner {
  readonly #options: ConnectionsOptions;
  readonly #table: ConnectionTable<Attempt, Connection>;
  readonly #waiting = new Map<string, Waiting>();
  readonly #inbound = new Set<Attempt>();
  readonly #listeners: NodeListeners;
  /** made when it is needed first */
  #scale: SignalScale | undefined;
  #arriving: Arriving | undefined;
  #nextId = 1;
  #closed = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#table = new ConnectionTable(options.identity.name);
    this.#listeners = new NodeListeners(options.onFault);
  }

  get(node: string): Connection | undefined {
    return this.#table.connection(node);
  }

  all(): IterableIterator<Connection> {
    return this.#table.connections();
  }

  /** Inbound sockets that have not come up (or been refused) yet. */
  get unauthenticated(): number {
    return this.#inbound.size;
  }

  /** Unauthenticated inbound sockets from one address. */
  unauthenticatedFrom(address: string | undefined): number {
    let count = 0;
    for (const attempt of this.#inbound) if (attempt.remoteAddress === address) count += 1;
    return count;
  }

  onNodeEvent(listener: (event: NodeEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Dials unless connected; joins an attempt that is under way. Never rejects. */
  connect(node: string): Promise<DialResult> {
    if (this.#table.connection(node) !== undefined) return Promise.resolve({ connected: true });
    if (this.#closed) return Promise.resolve({ connected: false, error: shuttingDown(node) });
    return new Promise((resolve) => this.#waitFor(node, true).dialled.push(resolve));
  }

  /** Takes over an inbound socket. */
  accept(socket: Socket): void {
    if (this.#closed) {
      socket.destroy();
      return;
    }
    const attempt = Attempt.inbound(this.#options.identity, this, socket, this.#options.limits);
    this.#inbound.add(attempt);
    attempt.begin();
  }

  /**
   * Sends in order with everything that the same process sent to `node` before.
   *
   * @throws {TermError} `unencodable` for what is no term, unless nobody can be reached anyway
   */
  deliver(node: string, signal: Signal, options?: DeliverOptions): void {
    if (this.send(node, signal)) return;
    if (this.#closed || (options?.connect === false && this.#table.get(node) === undefined)) {
      this.#reportUnreachable(node, signal);
      return;
    }
    const bytes = this.#bytesOf(signal);
    const waiting = this.#waitFor(node, options?.connect !== false);
    if (waiting.signals.add(signal, bytes)) {
      queueMicrotask(() => this.#giveUpOverflowed(node, waiting));
    }
  }

  /**
   * As {@link deliver}, if the node is connected.
   *
   * @throws {TermError} `unencodable` for what is no term
   * @returns whether it is
   */
  send(node: string, signal: Signal): boolean {
    const connection = this.#table.connection(node);
    if (connection === undefined) return false;
    const arriving = this.#arriving;
    if (arriving?.connection === connection && arriving.senders.has(senderOf(signal))) {
      this.#bytesOf(signal);
      arriving.signals.push(signal);
    } else {
      connection.send(signal);
    }
    return true;
  }

  /**
   * Ends the connection with `node`, and every attempt at one, before it returns.
   *
   * @returns whether a connection was up
   */
  disconnect(node: string, reason: CloseReason): boolean {
    const slot = this.#table.get(node);
    if (slot === undefined) return false;
    const attempt = slot.state === 'pending' ? slot.attempt : slot.challenger;
    attempt?.abort(new ConnectionError('disconnect', `${node} is being disconnected`, { node }));
    if (slot.state === 'up') slot.connection.close(reason);
    return slot.state === 'up';
  }

  /** Ends every connection and attempt in one turn; nothing can come up afterwards. */
  close(): void {
    this.#closed = true;
    const ending = [...this.#inbound, ...this.#table.attempts()];
    const error = new ConnectionError('closed', 'the node is shutting down');
    for (const attempt of ending) attempt.abort(error);
    for (const connection of [...this.#table.connections()]) connection.close('shutdown');
  }

  // What attempts ask and tell. ------------------------------------------------------------------

  decideInbound(peer: string, attempt: Attempt): InboundDecision {
    const { decision, replaced } = this.#table.decideInbound(peer, attempt);
    if (replaced !== undefined) {
      this.#inbound.delete(replaced);
      replaced.abandon();
    }
    return decision;
  }

  cookieFor(peer: string): string {
    return this.#options.identity.cookieFor(peer);
  }

  /** True iff the peer's old connection with us is dead on our side, and this attempt still counts. */
  answerAlive(peer: string, attempt: Attempt): boolean {
    return this.#table.connection(peer) === undefined && this.#table.isCurrent(peer, attempt);
  }

  /** The peer of a challenger has proved that it knows the cookie: the old connection ends now. */
  verified(peer: string, attempt: Attempt): boolean {
    if (!this.#table.isCurrent(peer, attempt)) return false;
    this.#table.connection(peer)?.close('superseded');
    return this.#table.isCurrent(peer, attempt);
  }

  established(attempt: Attempt, established: Established): void {
    this.#inbound.delete(attempt);
    const { name, flags, creation, socket, parser } = established;
    if (this.#closed || !this.#table.isCurrent(name, attempt)) {
      socket.destroy();
      return;
    }
    const { limits } = this.#options;
    parser.usePrefix(4, limits.maxFrameBytes);
    const visible = hasFlag(flags, DFLAG_PUBLISHED);
    const connection: Connection = new Connection({
      id: this.#nextId++,
      peer: name,
      peerCreation: creation,
      visible,
      socket,
      parser,
      encoder: new MessageEncoder(flags),
      decoder: new MessageDecoder(flags),
      netTickTimeMs: limits.netTickTimeMs,
      highWaterMarkBytes: limits.highWaterMarkBytes,
      maxQueuedBytes: limits.maxQueuedBytes,
      forms: signalForms(flags),
      nobody: this.#options.nobody,
      onSignal: (signal) => this.#deliverLocal(name, signal),
      onClose: (reason, error) => this.#down(connection, reason, error),
    });
    this.#up(connection);
  }

  failed(attempt: Attempt, error: DistributionError): void {
    this.#inbound.delete(attempt);
    const node = attempt.peer;
    if (!attempt.isAborted) {
      const { direction, remoteAddress } = attempt;
      this.#options.onRefused({ node, direction, error, remoteAddress });
    }
    if (node === undefined || !this.#table.attemptFailed(node, attempt)) return;
    if (!this.#dialInstead(node, attempt)) this.#giveUpWaiting(node, error);
  }

  // ----------------------------------------------------------------------------------------------

  #waitFor(node: string, dialWanted: boolean): Waiting {
    let waiting = this.#waiting.get(node);
    if (waiting === undefined) {
      waiting = {
        signals: new WaitingSignals(this.#options.limits),
        dialled: [],
        dialWanted,
        dialledInstead: false,
      };
      this.#waiting.set(node, waiting);
      if (this.#table.get(node) === undefined) this.#startDialling(node);
    }
    waiting.dialWanted ||= dialWanted;
    return waiting;
  }

  /**
   * The attempt that others waited for was the peer's own, or of somebody who only claimed to be the
   * peer, and it failed. That says nothing of whether the peer can be reached, so we dial; once,
   * lest strangers who come again and again keep those who wait from an answer.
   */
  #dialInstead(node: string, failed: Attempt): boolean {
    const waiting = this.#waiting.get(node);
    if (failed.direction === 'out' || failed.isAborted) return false;
    if (waiting === undefined || !waiting.dialWanted || waiting.dialledInstead) return false;
    waiting.dialledInstead = true;
    this.#startDialling(node);
    return true;
  }

  #startDialling(node: string): void {
    const { identity, dial, limits } = this.#options;
    const attempt = Attempt.outbound(identity, this, node, dial, limits);
    this.#table.addOutbound(node, attempt);
    attempt.begin();
  }

  #giveUpWaiting(node: string, error: DistributionError): void {
    const waiting = this.#waiting.get(node);
    this.#waiting.delete(node);
    if (waiting === undefined) return;
    if (waiting.signals.all.length > 0) this.#unreachable(node);
    for (const resolve of waiting.dialled) resolve({ connected: false, error });
  }

  /**
   * Signals may be lost only together with all that follow until nodedown. So when one has no room,
   * those that wait go with it, and whoever waits on the node hears `noconnection`.
   */
  #giveUpOverflowed(node: string, waiting: Waiting): void {
    const slot = this.#table.get(node);
    if (this.#waiting.get(node) !== waiting || slot?.state !== 'pending') return;
    const { attempt } = slot;
    const { direction, remoteAddress } = attempt;
    const message = `more than ${waiting.signals.limit} wait for a connection with ${node}`;
    const error = new ConnectionError('send_queue_full', message, { node });
    this.#options.onRefused({ node, direction, error, remoteAddress });
    attempt.abort(error);
  }

  #up(connection: Connection): void {
    const { id, peer, visible } = connection;
    this.#table.up(peer, connection);
    const waiting = this.#waiting.get(peer);
    this.#waiting.delete(peer);
    const signals = [...(waiting?.signals.all ?? [])];
    this.#arriving = { connection, signals, senders: new Set(signals.map(senderOf)) };
    this.#listeners.emit({ type: 'nodeup', node: peer, connectionId: id, visible });
    this.#arriving = undefined;
    for (const signal of signals) this.#sendWaiting(connection, signal);
    for (const resolve of waiting?.dialled ?? []) {
      resolve(connection.isUp ? { connected: true } : { connected: false, error: lost(peer) });
    }
    connection.start();
  }

  /** A fault on the way to those who wait on the node must not keep the listeners from their event. */
  #unreachable(node: string): void {
    try {
      this.#options.onUnreachable(node);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #deliverLocal(peer: string, signal: Signal): void {
    try {
      this.#options.onSignal(peer, signal);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  /** A term that waited may have been changed since, and be none any more: who sent it cannot be told. */
  #sendWaiting(connection: Connection, signal: Signal): void {
    try {
      connection.send(signal);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #down(connection: Connection, reason: CloseReason, error: Error | undefined): void {
    const { id, peer, visible } = connection;
    if (!this.#table.down(peer, connection)) return;
    this.#unreachable(peer);
    const cause = error === undefined ? {} : { error };
    this.#listeners.emit({
      type: 'nodedown',
      node: peer,
      connectionId: id,
      visible,
      reason,
      ...cause,
    });
  }

  /** Asked before a signal waits: whoever sends what is no term hears of it now, as on a connection. */
  #bytesOf(signal: Signal): number {
    this.#scale ??= new SignalScale();
    return this.#scale.bytesOf(signal);
  }

  /** A signal that cannot be sent at all: whoever waits on the node must hear of it, but not from within `deliver`. */
  #reportUnreachable(node: string, signal: Signal): void {
    if (signal.type !== 'monitor' && signal.type !== 'link' && signal.type !== 'spawn_request') {
      return;
    }
    queueMicrotask(() => {
      if (this.#table.connection(node) === undefined) this.#unreachable(node);
    });
  }
}

function lost(node: string): ConnectionError {
  return new ConnectionError('closed', `the connection with ${node} ended as it came up`, { node });
}

function shuttingDown(node: string): ConnectionError {
  return new ConnectionError('closed', `cannot connect to ${node}: this node is shutting down`, {
    node,
  });
}
