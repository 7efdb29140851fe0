/**
 * The subscribers of this node, by topic, and the delivery of messages to them.
 *
 * Each delivery goes to those subscribed when it was asked for, in the order of their subscription,
 * except those that have unsubscribed since. What a listener publishes while it handles a message is
 * delivered after that message has reached everyone, so that all subscribers see messages in the
 * same order.
 */
import { type AbortListener, AbortListeners, type AbortWait } from '../abort-listeners.ts';
import type { Term } from '../distribution/index.ts';
import { toTerm } from './message-terms.ts';

/** Who subscribes: the identity by which a sender leaves itself out. */
export type Subscriber = object;

/** One listener's place in a topic. */
export interface Subscription {
  readonly topic: string;
  /** true once it has ended, for whatever reason */
  readonly closed: boolean;
  /** Ends it. No message reaches the subscriber through it afterwards. */
  unsubscribe(): void;
}

export interface SubscribeOptions {
  /** Ends the subscription when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Ends it too: the life of whoever subscribes. */
  readonly owner?: AbortSignal | undefined;
  /** Called once when the subscription has ended. */
  readonly onClose?: () => void;
}

/** Receives a message. Whatever it throws, or rejects with, goes to `onFailure` of the table. */
type Deliver = (message: unknown, topic: string) => unknown;

/** Receives a message as a term. */
type DeliverTerm = (term: Term) => void;

/** Exactly one of the two. */
interface Receiver {
  readonly deliver?: Deliver;
  readonly deliverTerm?: DeliverTerm;
}

/** The subscribers of a topic, in the order of their subscription. */
interface Topic {
  readonly entries: Set<Entry>;
  /** the same as an array that nobody changes, made when it is needed */
  recipients: readonly Entry[] | undefined;
}

/** A message that is to be handed out. */
interface Delivery {
  readonly recipients: readonly Entry[];
  readonly message: unknown;
  readonly except: Subscriber | undefined;
  /** the message as a term, once somebody wants it so */
  term: Term | undefined;
}

const NOBODY: readonly Entry[] = [];

export class Subscriptions {
  readonly #topics = new Map<string, Topic>();
  readonly #aborts = new AbortListeners();
  readonly #onFailure: (topic: string, error: unknown) => void;
  readonly #queue: Delivery[] = [];
  #delivering = false;
  #delivered = 0;

  /** @param onFailure told when a subscriber throws; must not throw itself */
  constructor(onFailure: (topic: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Adds a subscription; one more of the same subscriber brings it each message once more. */
  add(
    topic: string,
    subscriber: Subscriber,
    deliver: Deliver,
    options: SubscribeOptions = {},
  ): Subscription {
    return this.#add(topic, subscriber, { deliver }, options);
  }

  /** As {@link add}, for a subscriber of terms: a message from another node as it came, any other mapped. */
  addForTerms(
    topic: string,
    subscriber: Subscriber,
    deliverTerm: DeliverTerm,
    options: SubscribeOptions = {},
  ): Subscription {
    return this.#add(topic, subscriber, { deliverTerm }, options);
  }

  /** Ends every subscription of one subscriber to one topic. */
  removeAll(topic: string, subscriber: Subscriber): void {
    for (const entry of this.#recipientsOf(topic)) {
      if (entry.subscriber === subscriber) entry.unsubscribe();
    }
  }

  /**
   * Delivers to everyone subscribed to the topic, except to one subscriber. Never throws.
   *
   * @param term the message as a term, where there is one
   */
  deliver(topic: string, message: unknown, except?: Subscriber, term?: Term): void {
    const recipients = this.#recipientsOf(topic);
    if (recipients.length === 0) return;
    const delivery = { recipients, message, except, term };
    if (this.#delivering) {
      this.#queue.push(delivery);
      return;
    }
    this.#delivering = true;
    this.#hand(delivery);
    while (this.#queue.length > 0) this.#hand(this.#queue.shift()!);
    this.#delivering = false;
  }

  /** How many subscriptions a topic has. */
  count(topic: string): number {
    return this.#topics.get(topic)?.entries.size ?? 0;
  }

  /** How many messages were handed to subscribers, each of them counted. */
  get delivered(): number {
    return this.#delivered;
  }

  /** How many topics have subscriptions. */
  get topics(): number {
    return this.#topics.size;
  }

  /** Ends all subscriptions. */
  close(): void {
    for (const topic of [...this.#topics.keys()]) {
      for (const entry of this.#recipientsOf(topic)) entry.unsubscribe();
    }
  }

  #add(
    topic: string,
    subscriber: Subscriber,
    how: Receiver,
    options: SubscribeOptions,
  ): Subscription {
    const entry: Entry = new Entry(topic, subscriber, how, options, () => this.#remove(entry));
    const known = this.#topics.get(topic);
    if (known === undefined) {
      this.#topics.set(topic, { entries: new Set([entry]), recipients: undefined });
    } else {
      known.entries.add(entry);
      known.recipients = undefined;
    }
    // Only now, because it may be aborted already.
    entry.open(this.#aborts);
    return entry;
  }

  #hand(delivery: Delivery): void {
    // A failure breaks off the loop over the recipients, which goes on behind the one that failed.
    for (let at = 0; at < delivery.recipients.length; ) at = this.#handFrom(at, delivery);
  }

  /** @returns the position behind the last recipient that was served */
  #handFrom(start: number, delivery: Delivery): number {
    const { recipients, message, except } = delivery;
    const { topic } = recipients[0]!;
    // In locals, as there may be hundreds of recipients, and little that each of them does.
    const { length } = recipients;
    let at = start;
    let delivered = 0;
    try {
      for (; at < length; at += 1) {
        const entry = recipients[at]!;
        if (entry.hasEnded || entry.subscriber === except) continue;
        delivered += 1;
        const { deliver } = entry;
        if (deliver === undefined) {
          delivery.term ??= toTerm(message);
          entry.deliverTerm?.(delivery.term);
          continue;
        }
        const result = deliver(message, topic);
        if (result !== undefined) this.#watch(result, topic);
      }
    } catch (error) {
      this.#onFailure(topic, error);
      at += 1;
    }
    this.#delivered += delivered;
    return at;
  }

  #watch(result: unknown, topic: string): void {
    if (!(result instanceof Promise)) return;
    result.catch((error: unknown) => this.#onFailure(topic, error));
  }

  #recipientsOf(topic: string): readonly Entry[] {
    const known = this.#topics.get(topic);
    if (known === undefined) return NOBODY;
    known.recipients ??= [...known.entries];
    return known.recipients;
  }

  #remove(entry: Entry): void {
    const known = this.#topics.get(entry.topic);
    if (known === undefined) return;
    known.entries.delete(entry);
    known.recipients = undefined;
    if (known.entries.size === 0) this.#topics.delete(entry.topic);
  }
}

class Entry implements Subscription, AbortListener {
  readonly topic: string;
  readonly subscriber: Subscriber;
  readonly deliver: Deliver | undefined;
  readonly deliverTerm: DeliverTerm | undefined;
  readonly #options: SubscribeOptions;
  readonly #remove: () => void;
  /** {@link closed}, as a field, which a loop over many reads faster than what is private */
  hasEnded = false;
  #abortWaits: readonly AbortWait[] = [];

  constructor(
    topic: string,
    subscriber: Subscriber,
    how: Receiver,
    options: SubscribeOptions,
    remove: () => void,
  ) {
    this.topic = topic;
    this.subscriber = subscriber;
    this.deliver = how.deliver;
    this.deliverTerm = how.deliverTerm;
    this.#options = options;
    this.#remove = remove;
  }

  get closed(): boolean {
    return this.hasEnded;
  }

  open(listeners: AbortListeners): void {
    const { signal, owner } = this.#options;
    if (signal?.aborted || owner?.aborted) {
      this.unsubscribe();
      return;
    }
    const signals = [signal, owner].filter((each) => each !== undefined);
    this.#abortWaits = signals.map((each) => listeners.add(each, this));
  }

  unsubscribe(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    for (const wait of this.#abortWaits) wait.end();
    this.#remove();
    this.#options.onClose?.();
  }

  onAbort(): void {
    this.unsubscribe();
  }
}
