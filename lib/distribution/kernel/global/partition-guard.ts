import type { Telemetry } from '../../../telemetry/telemetry.ts';
import type { ClusterNode } from '../../node/cluster-node.ts';
import { encodeLostConnection, encodeRemoveConnection } from './messages/infos.ts';
import { LOWEST_GLOBAL_VERSION } from './messages/protocol.ts';
import type { Outbox } from './outbox.ts';
import { type LostConnection, Partitions } from './partitions.ts';
import type { Synchroniser } from './synchroniser.ts';

/** How this node takes part in the prevention of overlapping partitions. */
export interface PartitionOptions {
  /** forward other nodes' accusations, and drop connections that they ask to be dropped (default true) */
  readonly obey?: boolean;
  /** accuse a node to all others when its connection is lost (default false; see `partitions.ts`) */
  readonly accuse?: boolean;
}

export interface PartitionGuardOptions extends PartitionOptions {
  readonly node: ClusterNode;
  readonly outbox: Outbox;
  readonly synchroniser: Synchroniser;
  readonly now: () => number;
  readonly random: () => number;
  readonly telemetry: Telemetry | undefined;
}

/** Carries out what {@link Partitions} decides. */
export class PartitionGuard {
  readonly #options: PartitionGuardOptions;
  readonly #partitions: Partitions;
  #obey: boolean;
  #accuse: boolean;
  #stopped = false;

  constructor(options: PartitionGuardOptions) {
    this.#options = options;
    this.#obey = options.obey ?? true;
    this.#accuse = options.accuse ?? false;
    const { name, creation } = options.node;
    const randomBits = Math.floor(options.random() * 2 ** 27);
    this.#partitions = new Partitions(name, creation, randomBits, options.now);
  }

  /** From now on connections close because we want it: nobody is to blame. */
  prepareShutdown(): void {
    this.#accuse = false;
    this.#obey = false;
  }

  stop(): void {
    this.prepareShutdown();
    this.#stopped = true;
  }

  nodeup(node: string): void {
    this.#partitions.nodeup(node);
  }

  /** To be called while the lost node still counts as known, if it did. */
  nodedown(node: string): void {
    const wasKnown = this.#options.synchroniser.isKnown(node);
    const accusation = this.#partitions.nodedown(node, this.#accuse && wasKnown);
    if (accusation !== undefined) this.#spread(accusation, node);
  }

  /** `{lost_connection, …}` has come. */
  lostConnection(accusation: LostConnection): void {
    if (!this.#obey) return;
    const { synchroniser, outbox, node } = this.#options;
    const concerned = synchroniser.knownAndPending();
    const verdict = this.#partitions.accused(accusation, (name) => concerned.has(name));
    if (verdict.forward) this.#spread(accusation, accusation.node);
    const { remove } = verdict;
    if (remove === undefined) return;
    outbox.send(remove, encodeRemoveConnection(node.name));
    this.#partitions.markRemoving(remove);
    this.#report('requested_disconnect', remove);
    // The connection stays open until the peer closes it; its names go with it.
    synchroniser.forget(remove);
  }

  /** `{remove_connection, Node}` has come. */
  removeConnection(peer: string): void {
    const { synchroniser, node } = this.#options;
    if (this.#stopped || !synchroniser.knownAndPending().has(peer)) return;
    this.#partitions.markRemoving(peer);
    this.#report('disconnected', peer);
    synchroniser.forget(peer);
    // In a turn of its own: nodedown must not arrive in the midst of a change.
    queueMicrotask(() => {
      if (!this.#stopped) node.disconnect(peer);
    });
  }

  /** Tells all known and pending nodes but one. */
  #spread(accusation: LostConnection, except: string): void {
    const { synchroniser, outbox } = this.#options;
    const message = encodeLostConnection(accusation);
    for (const [node, version] of synchroniser.knownAndPending()) {
      if (node !== except && version >= LOWEST_GLOBAL_VERSION) outbox.send(node, message);
    }
  }

  #report(action: string, peer: string): void {
    const metadata = { node: this.#options.node.name, peer, action };
    this.#options.telemetry?.execute('global.partition.prevented', {}, metadata);
  }
}
