/**
 * Which nodes we share names with, and the sessions with those we do not share them with yet. What
 * a session decides (`session.ts`) is carried out here: messages, the locker, the name table.
 *
 * Nothing in here waits. What takes time (locks on other nodes, a conflict that is settled on a
 * third node, dialling) comes back as an event and finds the session by its tag, or not at all.
 *
 * @see OTP `global`, resolved/5, new_nodes/6, sync_others/1; reference 7.6
 */
import type { Clock } from '../../../clock.ts';
import type { Telemetry } from '../../../telemetry/telemetry.ts';
import type { ClusterNode } from '../../node/cluster-node.ts';
import type { Process } from '../../process/process.ts';
import { compareNodeNames } from '../../terms/pid.ts';
import type { Locker } from './locker.ts';
import {
  encodeExchange,
  encodeInitConnect,
  encodeInSync,
  encodeNewNodes,
  encodeResolved,
  type GlobalCast,
} from './messages/casts.ts';
import { encodeCancelConnect, encodeInitConnectAck } from './messages/infos.ts';
import { type KnownNode, LOWEST_GLOBAL_VERSION, type Tag } from './messages/protocol.ts';
import type { NameRegistry } from './name-registry.ts';
import type { Outbox } from './outbox.ts';
import { compareNames, type ResolveConflict, resolveNames } from './resolver.ts';
import {
  advance,
  pendingVersion,
  type Session,
  type SessionEffect,
  type SessionEvent,
  sessionTag,
} from './session.ts';

export interface SynchroniserOptions {
  readonly node: ClusterNode;
  readonly registry: NameRegistry;
  readonly outbox: Outbox;
  readonly locker: Locker;
  readonly lockerProcess: Process;
  readonly resolveConflict: ResolveConflict;
  readonly clock: Clock;
  readonly random: () => number;
  readonly telemetry: Telemetry | undefined;
  /** makes a change that comes from outside of a message */
  readonly change: (make: () => void) => void;
  /** a node that we know could not be connected: it counts as down */
  readonly unreachable: (node: string) => void;
  /** the set of known nodes has changed */
  readonly onChange: () => void;
  /** something failed that cannot fail */
  readonly failed: (error: unknown) => void;
}

/** Restarts of one session after the first wait this long at least, so that both sides' messages settle. */
const RESTART_PAUSE_MS = 100;
const RESTART_SPREAD_MS = 900;
/** A peer that fell silent under the lock gets its next session after this time, then twice it, … */
const SILENCE_PAUSE_MS = 60_000;
const MAX_SILENCE_PAUSE_MS = 3_600_000;

interface Restarts {
  count: number;
  cancelTimer: (() => void) | undefined;
}

type Effect<T extends SessionEffect['type']> = SessionEffect & { readonly type: T };

export class Synchroniser {
  readonly #options: SynchroniserOptions;
  readonly #node: ClusterNode;
  readonly #sessions = new Map<string, Session>();
  /** the nodes that we share names with, and the version they speak (0: not told) */
  readonly #known = new Map<string, number>();
  readonly #restarts = new Map<string, Restarts>();
  #lastTag = 0;
  #stopped = false;

  constructor(options: SynchroniserOptions) {
    this.#options = options;
    this.#node = options.node;
  }

  known(): string[] {
    return [...this.#known.keys()];
  }

  isKnown(node: string): boolean {
    return this.#known.has(node);
  }

  /** The nodes that are known or about to be, with their versions. */
  knownAndPending(): Map<string, number> {
    const versions = new Map<string, number>();
    for (const [node, session] of this.#sessions) {
      const version = pendingVersion(session);
      if (version !== undefined) versions.set(node, version);
    }
    for (const [node, version] of this.#known) {
      // Whoever told us did not know it; whoever comes into question speaks this one at least.
      versions.set(node, version === 0 ? LOWEST_GLOBAL_VERSION : version);
    }
    return versions;
  }

  /** The tag by which the peer must address its session with us. */
  tagFor(node: string): Tag | undefined {
    return sessionTag(this.#sessions.get(node));
  }

  /** Begins to synchronise with a connected node, unless that is done or under way. */
  nodeup(node: string): void {
    if (this.#stopped || this.#known.has(node)) return;
    this.#lastTag += 1;
    this.dispatch(node, { type: 'start', myTag: this.#lastTag });
  }

  /** The node is neither known nor pending any more. */
  forget(node: string): void {
    this.#forgetRestarts(node);
    this.dispatch(node, { type: 'drop' });
    if (this.#known.delete(node)) this.#options.onChange();
  }

  /** Advances the session with a node and carries out what follows. */
  dispatch(node: string, event: SessionEvent): void {
    if (this.#stopped) return;
    const { session, effects } = advance(this.#sessions.get(node), event);
    if (session === undefined) this.#sessions.delete(node);
    else this.#sessions.set(node, session);
    for (const effect of effects) this.#apply(node, effect);
  }

  /** A partition that we belong to has met another one. */
  newNodes(message: GlobalCast & { readonly type: 'new_nodes' }): void {
    this.#addKnown(message.nodes, undefined);
    this.#options.registry.apply(message.operations, message.externalNames, message.lock);
  }

  stop(): void {
    this.#stopped = true;
    for (const { cancelTimer } of this.#restarts.values()) cancelTimer?.();
    this.#restarts.clear();
    this.#sessions.clear();
    this.#known.clear();
  }

  #apply(node: string, effect: SessionEffect): void {
    const self = this.#node.name;
    const { outbox, registry, locker, lockerProcess } = this.#options;
    switch (effect.type) {
      case 'send_init_connect':
        outbox.cast(node, encodeInitConnect(self, effect.myTag, lockerProcess.pid));
        break;
      case 'send_ack':
        outbox.send(node, encodeInitConnectAck(self, effect.receiverTag, effect.senderTag));
        break;
      case 'send_cancel':
        outbox.send(node, encodeCancelConnect(self, effect.receiverTag));
        break;
      case 'add_candidate': {
        const { version, locker: peerLocker, tag } = effect.peer;
        locker.add({ node, version, locker: peerLocker, myTag: effect.myTag, peerTag: tag });
        break;
      }
      case 'cancel_candidate':
        locker.cancel(node, effect.myTag);
        break;
      case 'send_exchange':
        outbox.cast(node, encodeExchange(self, registry.names.list(), effect.peerTag));
        break;
      case 'resolve':
        this.#resolve(node, effect);
        break;
      case 'send_resolved':
        this.#sendResolved(node, effect);
        break;
      case 'finish':
        this.#finish(node, effect);
        break;
      case 'restart':
        this.#restart(node, effect);
        break;
      case 'refuse':
        this.#refuse(node, effect);
        break;
    }
  }

  #resolve(node: string, { myTag, names }: Effect<'resolve'>): void {
    const { registry, resolveConflict, change, failed } = this.#options;
    const comparison = compareNames(names, (name) => registry.names.get(name));
    for (const { name, ours } of comparison.conflicts) registry.conflict(name, ours.pid);
    const weDecide = compareNodeNames(this.#node.name, node) < 0;
    const resolution = resolveNames(comparison, weDecide, resolveConflict);
    if (!(resolution instanceof Promise)) {
      this.dispatch(node, { type: 'resolution', myTag, ...resolution });
      return;
    }
    resolution.then(
      (result) => change(() => this.dispatch(node, { type: 'resolution', myTag, ...result })),
      failed,
    );
  }

  #sendResolved(node: string, { operations, peerTag }: Effect<'send_resolved'>): void {
    const { outbox, registry } = this.#options;
    const known = [...this.#known].map(([name, version]) => ({ node: name, version }));
    const external = registry.names.listExternal();
    outbox.cast(node, encodeResolved(this.#node.name, operations, known, external, peerTag));
  }

  /** Both partitions become one: our names change, our old partition is told, the lock is let go. */
  #finish(node: string, effect: Effect<'finish'>): void {
    const { registry, locker, lockerProcess, outbox } = this.#options;
    const { lock, operations, externalNames, version, myTag } = effect;
    const self = this.#node.name;
    registry.apply(operations, externalNames, lock);
    const others = effect.known.filter((known) => known.node !== self && known.node !== node);
    for (const other of others) this.dispatch(other.node, { type: 'drop' });
    const newNodes: KnownNode[] = [
      { node, version },
      ...others.map((other) => ({
        node: other.node,
        version: other.version || (this.#known.get(other.node) ?? 0),
      })),
    ];
    const oldPartition = this.known();
    const announcement = encodeNewNodes(self, operations, externalNames, newNodes, version, lock);
    locker.finish(node, myTag, () => {
      for (const known of oldPartition) outbox.cast(known, announcement, lockerProcess);
    });
    this.#forgetRestarts(node);
    this.#addKnown(newNodes, node);
  }

  /**
   * Adds nodes to the known ones and gets in touch with those that are new.
   *
   * @param synced the node that needs no word from us, because we are in touch with it
   */
  #addKnown(nodes: readonly KnownNode[], synced: string | undefined): void {
    const added: string[] = [];
    for (const { node, version } of nodes) {
      if (node === this.#node.name) continue;
      const isNew = !this.#known.has(node);
      if (isNew) added.push(node);
      if (isNew || version > 0) this.#known.set(node, version);
    }
    for (const node of added) if (node !== synced) this.#joinSecondHand(node);
    if (added.length > 0) this.#options.onChange();
  }

  /** A node whose names we have learnt through another one is told so, once we are connected. */
  #joinSecondHand(node: string): void {
    const { outbox, telemetry, change, unreachable, failed } = this.#options;
    const tell = (): void => outbox.cast(node, encodeInSync(this.#node.name));
    if (this.#node.isConnected(node)) {
      tell();
      return;
    }
    this.#node.connect(node).then(() => {
      // It may have gone, been forgotten, or begun a session of its own meanwhile.
      if (this.#stopped || !this.#known.has(node)) return;
      if (this.#node.isConnected(node)) {
        tell();
        return;
      }
      telemetry?.execute('global.connect.failed', {}, { node: this.#node.name, peer: node });
      change(() => unreachable(node));
    }, failed);
  }

  /**
   * Both sides are out of step and begin again. If it happens again at once, the messages of the
   * former attempts cross each other; a pause lets them settle. A peer that was silent while the lock
   * was held for it must not keep it from the others too often.
   */
  #restart(node: string, effect: Effect<'restart'>): void {
    const { clock, random, telemetry, change } = this.#options;
    const afterSilence = effect.afterSilence ?? false;
    const restarts = this.#restarts.get(node) ?? { count: 0, cancelTimer: undefined };
    this.#restarts.set(node, restarts);
    restarts.count += 1;
    const metadata = { node: this.#node.name, peer: node, count: restarts.count, afterSilence };
    telemetry?.execute('global.session.restarted', {}, metadata);
    const begin = (): void => {
      restarts.cancelTimer = undefined;
      if (this.#node.isConnected(node)) this.nodeup(node);
    };
    if (restarts.count === 1 && !afterSilence) {
      begin();
      return;
    }
    restarts.cancelTimer?.();
    const pauseMs = afterSilence
      ? Math.min(SILENCE_PAUSE_MS * 2 ** (restarts.count - 1), MAX_SILENCE_PAUSE_MS)
      : RESTART_PAUSE_MS + random() * RESTART_SPREAD_MS;
    restarts.cancelTimer = clock.setTimer(pauseMs, () => change(begin));
  }

  #forgetRestarts(node: string): void {
    this.#restarts.get(node)?.cancelTimer?.();
    this.#restarts.delete(node);
  }

  #refuse(node: string, { reason }: Effect<'refuse'>): void {
    const metadata = { node: this.#node.name, peer: node, reason };
    this.#options.telemetry?.execute('global.session.refused', {}, metadata);
    if (reason === 'version') return;
    // In a turn of its own: nodedown must not arrive in the midst of a change.
    queueMicrotask(() => {
      if (!this.#stopped) this.#node.disconnect(node);
    });
  }
}
