/**
 * The adapter that reaches other nodes as Phoenix.PubSub's own does, so that topics are shared with Phoenix
 * applications as they are.
 *
 * ```
 * out:  broadcast ──▶ {forward_to_local, Topic, Message, Dispatcher}, to each remote member of one group
 *       directBroadcast ──▶ the same, to the worker that is registered on that node
 * in:   the same, to any of our workers ──▶ the subscribers of this node
 * ```
 *
 * A Phoenix node has a pool of workers, and each of its processes sends to one group of the pool. Whoever is
 * not in that group does not hear it, so ours is as large as the largest pool in the cluster: when a node
 * appears whose pool is larger, workers are added. All that this node sends goes to one group, so that it
 * stays in order; to a node that is not in that group, it goes to the first one, in which everybody is.
 *
 * Of an incoming message the dispatcher is of no interest: it says how Phoenix hands the message on, as with
 * `Phoenix.Channel.Server` and a `%Phoenix.Socket.Broadcast{}`, which is a struct like any other here.
 *
 * What is none of this is ignored and reported as `distribution.message.ignored`. Nothing here dials.
 *
 * @see Phoenix.PubSub.PG2; reference 8.3
 */
import {
  Atom,
  atom,
  type GroupMonitor,
  isTuple,
  type LocalNode,
  type PgScope,
  type Pid,
  type Process,
  ProcessError,
  type Term,
  Tuple,
} from '../distribution/index.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { LocalDelivery, PubSubAdapter } from './adapter.ts';
import { fromTerm, toTerm } from './message-terms.ts';
import { adapterName, checkPoolSizes, MAX_POOL_SIZE, workerName, workerNumber } from './pg-pool.ts';

export interface PgAdapterOptions {
  readonly node: Pick<LocalNode, 'name' | 'processes'>;
  /** the scope of the application; {@link PHOENIX_SCOPE} is Phoenix's */
  readonly scope: PgScope;
  /** the name of the PubSub as it is written in Elixir, such as `HelloDistributed.PubSub` */
  readonly pubsub: string;
  /** workers from the start; more when a peer has more. Default 1 */
  readonly poolSize?: number;
  /** groups over which the nodes spread what they send; default 1, and never above `poolSize` */
  readonly broadcastPoolSize?: number;
  readonly telemetry?: Telemetry | undefined;
}

/** A topic as it is here and as it is on the wire. */
interface Topic {
  readonly text: string;
  readonly bytes: Uint8Array;
}

const FORWARD_TO_LOCAL = atom('forward_to_local');
const DISPATCHER = atom('Elixir.Phoenix.PubSub');
const SHUTDOWN = atom('shutdown');
const NO_CONNECT = { connect: false };
/** A topic that a peer sends is not kept beyond that. */
const MAX_KEPT_TOPIC_BYTES = 256;
const utf8 = new TextEncoder();

/** Reaches the nodes that have a PubSub of the same name. See the head of this file. */
export class PgAdapter implements PubSubAdapter {
  readonly name: string;
  readonly #options: PgAdapterOptions;
  readonly #adapter: string;
  /** the group that hears what this node sends */
  readonly #group: Atom;
  readonly #firstGroup: Atom;
  /** by number, from 1 on */
  readonly #workers = new Map<number, Process>();
  #local: LocalDelivery | undefined;
  #monitor: GroupMonitor<unknown> | undefined;
  /** whom a broadcast is sent to, until the groups change */
  #recipients: readonly Pid[] | undefined;
  /** of the last message in either direction: most have the same one as that before */
  #lastSent: Topic | undefined;
  #lastReceived: Topic | undefined;

  /** @throws {RangeError} for pool sizes that make no sense */
  constructor(options: PgAdapterOptions) {
    const { node, pubsub, poolSize = 1, broadcastPoolSize = 1 } = options;
    checkPoolSizes(poolSize, broadcastPoolSize);
    this.name = node.name;
    this.#options = options;
    this.#adapter = adapterName(pubsub);
    const number = 1 + (hashOf(node.name) % broadcastPoolSize);
    this.#group = atom(workerName(this.#adapter, number));
    this.#firstGroup = atom(this.#adapter);
  }

  /** How many workers there are now. */
  get poolSize(): number {
    return this.#workers.size;
  }

  /** @throws {ProcessError} `name_taken` when a PubSub of this name runs already, `noproc` without the scope */
  start(local: LocalDelivery): void {
    const { scope, poolSize = 1 } = this.#options;
    this.#local = local;
    try {
      this.#growTo(poolSize);
      this.#monitor = scope.monitorScope(({ type, group, members }) =>
        this.#groupChanged(group, type === 'join' ? members : []),
      );
      for (const group of scope.whichGroups()) this.#groupChanged(group, scope.members(group));
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  broadcast(topic: string, message: unknown): void {
    const forward = this.#forward(topic, message);
    this.#recipients ??= this.#findRecipients();
    const { processes } = this.#options.node;
    processes.sendToAll(this.#sender, this.#recipients, forward, NO_CONNECT);
  }

  directBroadcast(node: string, topic: string, message: unknown): void {
    const { scope, node: ours } = this.#options;
    const isMember = scope.members(this.#group).some((pid) => pid.node === node);
    const { name } = isMember ? this.#group : this.#firstGroup;
    const forward = this.#forward(topic, message);
    ours.processes.send(this.#sender, { name, node }, forward, NO_CONNECT);
  }

  stop(): void {
    this.#local = undefined;
    this.#monitor?.stop();
    this.#monitor = undefined;
    const workers = [...this.#workers.values()];
    this.#workers.clear();
    // The scope tells the others that they have left.
    for (const worker of workers) worker.stop(SHUTDOWN);
  }

  /** One sender for all, so that all that this node sends stays in order. */
  get #sender(): Pid {
    return this.#workers.get(1)?.pid ?? this.#options.node.processes.nobody;
  }

  #groupChanged(group: Term, joined: readonly Pid[]): void {
    if (!(group instanceof Atom)) return;
    const number = workerNumber(this.#adapter, group.name);
    if (number === undefined) return;
    this.#recipients = undefined;
    if (joined.length === 0 || this.#workers.has(number)) return;
    if (number <= MAX_POOL_SIZE) this.#growTo(number);
    else this.#emit('pubsub.pool.refused', { number });
  }

  /** Starts the workers that are missing up to a number. */
  #growTo(poolSize: number): void {
    for (let number = 1; number <= poolSize; number += 1) {
      if (!this.#workers.has(number)) this.#startWorker(number);
    }
  }

  #startWorker(number: number): void {
    const { node, scope } = this.#options;
    const name = workerName(this.#adapter, number);
    const worker = node.processes.spawnServer({
      name,
      onMessage: (message) => this.#receive(name, message),
    });
    this.#workers.set(number, worker);
    void worker.exited.then(() => this.#workerEnded(number, worker));
    scope.join(atom(name), worker.pid);
  }

  /** Somebody has ended it from outside: messages must not go astray for that. */
  #workerEnded(number: number, worker: Process): void {
    if (this.#workers.get(number) !== worker) return;
    this.#workers.delete(number);
    this.#emit('pubsub.worker.ended', { number, reason: worker.exitReason });
    if (!this.#options.scope.isRunning) return;
    try {
      this.#startWorker(number);
    } catch (error) {
      // The node is ending, and all its processes with it.
      if (error instanceof ProcessError && error.code === 'stopped') return;
      this.#emit('pubsub.worker.failed', { number, error });
    }
  }

  #receive(receiver: string, message: Term): void {
    const topic = isTuple(message, 4, 'forward_to_local')
      ? this.#topicOf(message.elements[1])
      : undefined;
    if (topic === undefined) {
      this.#emit('distribution.message.ignored', { receiver, message });
      return;
    }
    const local = this.#local;
    if (local === undefined || !local.isWanted(topic)) return;
    const term = (message as Tuple).elements[2]!;
    local.deliver(topic, fromTerm(term), term);
  }

  #forward(topic: string, message: unknown): Tuple {
    if (this.#lastSent?.text !== topic) {
      this.#lastSent = { text: topic, bytes: utf8.encode(topic) };
    }
    return new Tuple([FORWARD_TO_LOCAL, this.#lastSent.bytes, toTerm(message), DISPATCHER]);
  }

  #topicOf(term: Term | undefined): string | undefined {
    if (!(term instanceof Uint8Array)) return undefined;
    const last = this.#lastReceived;
    if (last !== undefined && areEqual(term, last.bytes)) return last.text;
    const text = fromTerm(term);
    if (typeof text !== 'string') return undefined;
    if (term.length <= MAX_KEPT_TOPIC_BYTES) this.#lastReceived = { text, bytes: term.slice() };
    return text;
  }

  /** The remote members of our group, and the first workers of those nodes that are not in it. */
  #findRecipients(): readonly Pid[] {
    const { scope } = this.#options;
    const isRemote = (pid: Pid): boolean => pid.node !== this.name;
    const members = scope.members(this.#group).filter(isRemote);
    const reached = new Set(members.map(({ node }) => node));
    const others = scope.members(this.#firstGroup).filter(isRemote);
    return [...members, ...others.filter(({ node }) => !reached.has(node))];
  }

  #emit(event: string, metadata: Readonly<Record<string, unknown>>): void {
    this.#options.telemetry?.execute(event, {}, { node: this.name, ...metadata });
  }
}

/** Topics are short: a loop is faster than a call of `Buffer.compare`. */
function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

/** Spreads node names; any hash will do, since nobody else computes it (FNV-1a). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}
