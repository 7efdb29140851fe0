/**
 * Publish and subscribe by topic, on this node and on the nodes that an adapter reaches.
 *
 * ```ts
 * const pubsub = await PubSub.start({ adapter });
 * const subscription = pubsub.subscribe('counter', (message) => console.log(message));
 * pubsub.broadcast('counter', { count: 4 }); // to the subscribers of all nodes
 * subscription.unsubscribe();
 *
 * for await (const message of pubsub.messages('counter', { signal })) {
 *   // …
 * }
 * ```
 *
 * The semantics are Phoenix.PubSub's. Who subscribes twice receives each message twice. A broadcast
 * goes to the other nodes first; if it cannot, because the message has no form on the wire, it throws
 * and nobody receives anything. Delivery is at most once, and nothing is kept for those who come later.
 *
 * A subscriber is a listener, a stream, or a process of the node: its subscription ends with it.
 *
 * Listeners run before the broadcast returns, except for a broadcast made by a listener: that is
 * delivered after the message that the listener is handling. A listener that fails disturbs neither
 * the broadcaster nor the other subscribers, and stays subscribed; `pubsub.listener.failure`
 * {topic, error} tells.
 *
 * A message is `unknown` to its subscribers: another node may have sent it. Within a node it is
 * passed by reference, so nobody may change it. What messages become on their way to other nodes, and to
 * processes, is told in `message-terms.ts`.
 *
 * @see https://hexdocs.pm/phoenix_pubsub/Phoenix.PubSub.html
 */
import { Process, type Term } from '../distribution/index.ts';
import type { PubSubFigures } from '../telemetry/metrics/pubsub.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { PubSubAdapter } from './adapter.ts';
import { LocalAdapter } from './adapter-local.ts';
import { MessageStream, type Overflow } from './message-stream.ts';
import { type Subscriber, type Subscription, Subscriptions } from './subscriptions.ts';

/** Receives each message of a topic. */
export type Listener = (message: unknown, topic: string) => void;

export interface PubSubOptions {
  /** how to reach other nodes; default: there are none */
  readonly adapter?: PubSubAdapter;
  readonly telemetry?: Telemetry;
}

export interface MessagesOptions {
  /** Ends the stream, and with it the loop that reads it, when it is aborted. */
  readonly signal?: AbortSignal;
  /** how many messages may wait to be read; default 1000 */
  readonly bufferSize?: number;
  /** what happens to a message beyond that; default `drop_oldest` */
  readonly overflow?: Overflow;
}

/** Whoever can be subscribed, and left out of a broadcast. */
export type PubSubSubscriber = Listener | MessageStream | Process;

const DEFAULT_BUFFER_SIZE = 1000;

/** Used after {@link PubSub.stop}. */
export class PubSubStoppedError extends Error {
  readonly code = 'stopped';

  constructor() {
    super('the pubsub has been stopped');
    this.name = 'PubSubStoppedError';
  }
}

export class PubSub {
  readonly #adapter: PubSubAdapter;
  readonly #telemetry: Telemetry | undefined;
  readonly #subscriptions: Subscriptions;
  #published = 0;
  #received = 0;
  #stopping: Promise<void> | undefined;

  private constructor(options: PubSubOptions) {
    this.#adapter = options.adapter ?? new LocalAdapter();
    this.#telemetry = options.telemetry;
    this.#subscriptions = new Subscriptions((topic, error) =>
      this.#telemetry?.execute('pubsub.listener.failure', {}, { topic, error }),
    );
  }

  /** @throws what the start of the adapter throws */
  static async start(options: PubSubOptions = {}): Promise<PubSub> {
    const pubsub = new PubSub(options);
    const subscriptions = pubsub.#subscriptions;
    await pubsub.#adapter.start({
      isWanted: (topic) => subscriptions.count(topic) > 0,
      deliver: (topic, message, term) => {
        pubsub.#received += 1;
        subscriptions.deliver(topic, message, undefined, term);
      },
    });
    return pubsub;
  }

  /** The name of this node, as others use it in {@link directBroadcast}. */
  get node(): string {
    return this.#adapter.name;
  }

  /** How many messages there were since the start; for metrics. */
  get figures(): PubSubFigures {
    return {
      published: this.#published,
      received: this.#received,
      delivered: this.#subscriptions.delivered,
    };
  }

  /** true from the call of {@link stop} on */
  get isStopped(): boolean {
    return this.#stopping !== undefined;
  }

  /** Ends all subscriptions and streams, then stops the adapter. Further calls wait for the same end. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /**
   * Calls a listener with every message of the topic, or sends it to a process, until the subscription
   * ends: by {@link unsubscribe}, when the signal is aborted, or with the process. A process receives the
   * message alone, as a term, like a process that has subscribed in Elixir.
   *
   * @param options.signal ends the subscription when it is aborted
   * @throws {PubSubStoppedError}
   */
  subscribe(
    topic: string,
    subscriber: Listener | Process,
    options: { readonly signal?: AbortSignal } = {},
  ): Subscription {
    this.#assertRunning();
    const { signal } = options;
    if (!(subscriber instanceof Process)) {
      return this.#subscriptions.add(topic, subscriber, subscriber, { signal });
    }
    const deliver = (term: Term): void => subscriber.deliver(term);
    return this.#subscriptions.addForTerms(topic, subscriber, deliver, {
      signal,
      owner: subscriber.signal,
    });
  }

  /** Ends every subscription of this subscriber to the topic. */
  unsubscribe(topic: string, subscriber: PubSubSubscriber): void {
    this.#subscriptions.removeAll(topic, subscriber);
  }

  /**
   * The messages of a topic from now on, as an async iterable. `overflow` says what happens when
   * they come faster than they are read; `pubsub.stream.overflow` {topic, overflow} tells that it does.
   *
   * @throws {PubSubStoppedError}
   * @throws {TypeError} if an option makes no sense
   */
  messages(topic: string, options: MessagesOptions = {}): MessageStream {
    this.#assertRunning();
    const { bufferSize = DEFAULT_BUFFER_SIZE, overflow = 'drop_oldest' } = options;
    const stream: MessageStream = new MessageStream({
      topic,
      bufferSize,
      overflow,
      onClose: () => this.unsubscribe(topic, stream),
      onOverflow: () => this.#telemetry?.execute('pubsub.stream.overflow', {}, { topic, overflow }),
    });
    this.#subscriptions.add(topic, stream, (message) => stream.push(message), {
      signal: options.signal,
      // After an overflow the stream has closed itself, and keeps what is buffered.
      onClose: () => {
        if (!stream.closed) stream.end();
      },
    });
    return stream;
  }

  /**
   * Publishes to the subscribers of all nodes.
   *
   * @throws {PubSubStoppedError}
   * @throws what the adapter throws about the message; nobody has received it then
   */
  broadcast(topic: string, message: unknown): void {
    this.#publish(topic, message);
  }

  /** As {@link broadcast}, but leaves out one subscriber of this node: the sender. */
  broadcastFrom(from: PubSubSubscriber, topic: string, message: unknown): void {
    this.#publish(topic, message, from);
  }

  /** Publishes to the subscribers of this node alone. @throws {PubSubStoppedError} */
  localBroadcast(topic: string, message: unknown): void {
    this.#assertRunning();
    this.#published += 1;
    this.#subscriptions.deliver(topic, message);
  }

  /**
   * Publishes to the subscribers of one node, which may be this one. A node that is not known
   * receives nothing, and that is no error.
   *
   * @throws as {@link broadcast}
   */
  directBroadcast(node: string, topic: string, message: unknown): void {
    this.#assertRunning();
    if (node === this.#adapter.name) this.#subscriptions.deliver(topic, message);
    else this.#adapter.directBroadcast(node, topic, message);
    this.#published += 1;
  }

  /** How many subscriptions a topic has on this node. */
  subscriptionCount(topic: string): number {
    return this.#subscriptions.count(topic);
  }

  #publish(topic: string, message: unknown, except?: Subscriber): void {
    this.#assertRunning();
    this.#adapter.broadcast(topic, message);
    this.#published += 1;
    this.#subscriptions.deliver(topic, message, except);
  }

  async #stop(): Promise<void> {
    this.#subscriptions.close();
    await this.#adapter.stop();
  }

  #assertRunning(): void {
    if (this.#stopping !== undefined) throw new PubSubStoppedError();
  }
}
