/**
 * The subscribers of this node, by topic, and the delivery of messages to them.
 *
 * Each delivery goes to those subscribed when it was asked for, in the order of their subscription,
 * except those that have unsubscribed since. What a listener publishes while it handles a message is
 * delivered after that message has reached everyone, so that all subscribers see messages in the
 * same order.
 */

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
  /** Called once when the subscription has ended. */
  readonly onClose?: () => void;
}

/** Receives a message. Whatever it throws, or rejects with, goes to `onFailure` of the table. */
type Deliver = (message: unknown, topic: string) => unknown;

export class Subscriptions {
  readonly #topics = new Map<string, Set<Entry>>();
  readonly #onFailure: (topic: string, error: unknown) => void;
  readonly #queue: { readonly recipients: readonly Entry[]; readonly message: unknown }[] = [];
  #delivering = false;
  #delivered = 0;

  /** @param onFailure told what a subscriber throws; must not throw itself */
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
    const entry = new Entry(topic, subscriber, deliver, options, () => this.#remove(entry));
    const entries = this.#topics.get(topic);
    if (entries === undefined) this.#topics.set(topic, new Set([entry]));
    else entries.add(entry);
    // Only now, because it may be aborted already.
    entry.open();
    return entry;
  }

  /** Ends every subscription of one subscriber to one topic. */
  removeAll(topic: string, subscriber: Subscriber): void {
    for (const entry of this.#entriesOf(topic)) {
      if (entry.subscriber === subscriber) entry.unsubscribe();
    }
  }

  /** Delivers to everyone subscribed to the topic, except to one subscriber. Never throws. */
  deliver(topic: string, message: unknown, except?: Subscriber): void {
    const entries = this.#entriesOf(topic);
    const recipients =
      except === undefined ? entries : entries.filter(({ subscriber }) => subscriber !== except);
    if (recipients.length === 0) return;
    this.#queue.push({ recipients, message });
    if (!this.#delivering) this.#drain();
  }

  /** How many subscriptions a topic has. */
  count(topic: string): number {
    return this.#topics.get(topic)?.size ?? 0;
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
      for (const entry of this.#entriesOf(topic)) entry.unsubscribe();
    }
  }

  #drain(): void {
    this.#delivering = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      for (const entry of next.recipients) {
        if (!entry.closed) this.#hand(entry, next.message);
      }
    }
    this.#delivering = false;
  }

  #hand({ topic, deliver }: Entry, message: unknown): void {
    this.#delivered += 1;
    try {
      const result = deliver(message, topic);
      if (result instanceof Promise) {
        result.catch((error: unknown) => this.#onFailure(topic, error));
      }
    } catch (error) {
      this.#onFailure(topic, error);
    }
  }

  #entriesOf(topic: string): readonly Entry[] {
    return [...(this.#topics.get(topic) ?? [])];
  }

  #remove(entry: Entry): void {
    const entries = this.#topics.get(entry.topic);
    entries?.delete(entry);
    if (entries?.size === 0) this.#topics.delete(entry.topic);
  }
}

class Entry implements Subscription {
  readonly topic: string;
  readonly subscriber: Subscriber;
  readonly deliver: Deliver;
  readonly #options: SubscribeOptions;
  readonly #remove: () => void;
  #closed = false;

  constructor(
    topic: string,
    subscriber: Subscriber,
    deliver: Deliver,
    options: SubscribeOptions,
    remove: () => void,
  ) {
    this.topic = topic;
    this.subscriber = subscriber;
    this.deliver = deliver;
    this.#options = options;
    this.#remove = remove;
  }

  get closed(): boolean {
    return this.#closed;
  }

  open(): void {
    const { signal } = this.#options;
    if (signal?.aborted) this.unsubscribe();
    else signal?.addEventListener('abort', this.#onAbort);
  }

  unsubscribe(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#remove();
    this.#options.onClose?.();
  }

  readonly #onAbort = (): void => this.unsubscribe();
}
