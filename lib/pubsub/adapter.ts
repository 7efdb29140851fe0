/**
 * The contract between a {@link PubSub} and the other nodes: four verbs and a name.
 *
 * `test/support/pubsub-adapter-contract.ts` is the contract as tests; every adapter runs it.
 *
 * @see Phoenix.PubSub.Adapter
 */
import type { Term } from '../distribution/index.ts';

/** Hands what came from other nodes to the subscribers of this one. Never throws. */
export interface LocalDelivery {
  /** Whether anybody here subscribes to the topic: a message for nobody need not be read. */
  isWanted(topic: string): boolean;
  /** @param term the message as it came, where it came as a term */
  deliver(topic: string, message: unknown, term?: Term): void;
}

export interface PubSubAdapter {
  /** The name of this node, as others use it in `directBroadcast`. */
  readonly name: string;
  /**
   * Called once, before anything else. When it has resolved, messages can come and go.
   *
   * @throws if the adapter cannot work; it holds nothing then
   */
  start(local: LocalDelivery): void | Promise<void>;
  /**
   * Sends to every *other* node that is known now; the caller serves its own. Returns without
   * waiting for them, and what one sender sends to a node arrives there in order, or not at all.
   *
   * @throws if the message has no form on the wire; nothing has been sent then
   */
  broadcast(topic: string, message: unknown): void;
  /**
   * Sends to one other node. A node that is not known is not an error: the message is lost, as it
   * would be if the node went away a moment later.
   *
   * @throws if the message has no form on the wire
   */
  directBroadcast(node: string, topic: string, message: unknown): void;
  /** Called at most once, last. From its call on nothing is delivered, and then everything is released. */
  stop(): void | Promise<void>;
}
