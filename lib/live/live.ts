/**
 * The cluster as one can watch it: what all nodes tell each other, put together on each of them, and handed
 * to its spectators as server-sent events.
 *
 * ```
 * telemetry ─▶ reporter ─▶ PubSub ─▶ roster, event log, load, count ─▶ event stream ─▶ spectators
 *               (each node tells)      (each node puts together)        (GET /events)
 * ```
 *
 * Nothing is asked of the counter while it changes: its owner publishes every change on the topic
 * `counter`. It is read once for each owner, for whoever comes before the next change.
 *
 * | event | data |
 * |---|---|
 * | `snapshot` | `{self, now, counter, owner, nodes, events, load}`: all there is to know |
 * | `counter` | `{count, node}`: the latest value, at most every 100 ms |
 * | `owner` | `{node}`: who owns the counter, or `null` |
 * | `node` | a {@link RosterEntry}: new, or changed |
 * | `gone` | `{name}`: a node that is no longer connected |
 * | `event` | a {@link LoggedEvent}: new, or reported by one more node |
 * | `load` | `{point, nodes}`: the last second, a {@link LoadPoint}, and the load of each node by name |
 */
import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { type Clock, systemClock } from '../clock.ts';
import type { ClusterNode, NodeEvent } from '../distribution/index.ts';
import type { PubSub } from '../pubsub/pubsub.ts';
import type { Subscription } from '../pubsub/subscriptions.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { probeRuntime, type Rpc } from './beam-probe.ts';
import { clusterEventSchema, EVENTS_TOPIC } from './cluster-event.ts';
import { ClusterLoad, LOAD_TOPIC, loadMessageSchema } from './cluster-load.ts';
import { EventLog } from './event-log.ts';
import { EventStream, type EventStreamOptions } from './event-stream.ts';
import { Reporter } from './reporter.ts';
import { Roster, type RosterEntry, STATUS_TOPIC, type Status, statusSchema } from './roster.ts';

/** Where the owner of the counter publishes each change. */
export const COUNTER_TOPIC = 'counter';

const countMessageSchema = z.object({
  count: z.union([z.int().nonnegative(), z.bigint().nonnegative()]),
  node: z.string().min(1).max(255),
});

/** A message of the topic `counter`: the count, and the node of the owner that counted. */
export type CountMessage = Readonly<z.infer<typeof countMessageSchema>>;

export interface LiveOptions {
  readonly node: Pick<ClusterNode, 'name' | 'nodes' | 'onNodeEvent'>;
  readonly owner: OwnerView;
  /** reads the counter */
  readonly readCount: () => Promise<number | bigint>;
  readonly rpc: Rpc;
  readonly pubsub: PubSub;
  readonly telemetry: Telemetry;
  /** of the application */
  readonly version: string;
  /** such as `Node.js 24.1.0` */
  readonly runtime?: string;
  readonly memoryBytes?: () => number;
  readonly clock?: Clock;
  /** milliseconds since 1970 */
  readonly now?: () => number;
  /** tells starts of a node apart */
  readonly nonce?: () => string;
  readonly stream?: Pick<EventStreamOptions, 'maxEvents' | 'maxBytes' | 'maxReaders'>;
}

/** Who owns the counter. */
export interface OwnerView {
  /** the node, if there is one */
  node(): string | undefined;
  /** @returns removes the listener */
  onChange(listener: () => void): () => void;
}

/** A node that has not told its status by then is asked whether it is of the BEAM. */
const PROBE_AFTER_MS = 1500;
const COUNT_INTERVAL_MS = 100;
const SECOND_MS = 1000;

export class Live {
  readonly #options: LiveOptions;
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #reporter: Reporter;
  readonly #roster: Roster;
  readonly #log = new EventLog();
  readonly #load = new ClusterLoad();
  readonly #stream: EventStream;
  readonly #releases: (() => void)[] = [];
  readonly #probes = new Map<string, () => void>();
  #subscriptions: readonly Subscription[] = [];
  #cancelSecond: (() => void) | undefined;
  #cancelCount: (() => void) | undefined;
  #count: CountMessage | undefined;
  #toldCount: CountMessage | undefined;
  #owner: string | undefined;
  #isReading = false;
  /** how many messages of each topic were refused in a row */
  readonly #refusals = new Map<string, number>();
  #stopped = false;

  private constructor(options: LiveOptions) {
    this.#options = options;
    const { node, pubsub, telemetry, version, stream = {} } = options;
    const { nonce = () => randomBytes(4).toString('hex') } = options;
    this.#clock = options.clock ?? systemClock;
    this.#now = options.now ?? Date.now;
    const incarnation = `${node.name}/${nonce()}`;
    this.#reporter = new Reporter({
      ...{ node: node.name, incarnation, version, telemetry, pubsub },
      runtime: options.runtime ?? `Node.js ${process.versions.node}`,
      peers: () => node.nodes(),
      memoryBytes: options.memoryBytes ?? (() => process.memoryUsage.rss()),
      clock: this.#clock,
      now: this.#now,
    });
    this.#roster = new Roster(this.#reporter.status());
    this.#stream = new EventStream({
      ...{ ...stream, incarnation, clock: this.#clock },
      snapshot: () => this.#snapshot(),
    });
  }

  /** Begins to watch and to tell. */
  static start(options: LiveOptions): Live {
    const live = new Live(options);
    live.#start();
    return live;
  }

  /**
   * Events for one spectator; see {@link EventStream.open}.
   *
   * @returns `undefined` when there are too many spectators
   */
  open(lastEventId?: string): AsyncIterableIterator<Uint8Array, undefined> | undefined {
    if (this.#count === undefined) void this.#readCount();
    return this.#stream.open(lastEventId);
  }

  /** How many spectators there are. */
  get spectators(): number {
    return this.#stream.readers;
  }

  /** Goes on with another pubsub, after a restart of the former one. */
  use(pubsub: PubSub): void {
    this.#listen(pubsub);
    // What was published in between nobody has heard.
    void this.#readCount();
  }

  #listen(pubsub: PubSub): void {
    this.#reporter.use(pubsub);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions = [
      this.#on(pubsub, COUNTER_TOPIC, countMessageSchema, (message) => this.#counted(message)),
      this.#on(pubsub, STATUS_TOPIC, statusSchema, (status) => this.#onStatus(status)),
      this.#on(pubsub, EVENTS_TOPIC, clusterEventSchema, (event) => {
        const logged = this.#log.add(event);
        if (logged !== undefined) this.#stream.publish('event', JSON.stringify(logged));
      }),
      this.#on(pubsub, LOAD_TOPIC, loadMessageSchema, (message) =>
        this.#load.record(message, this.#clock.now()),
      ),
    ];
  }

  /** Ends all streams, and releases everything. */
  stop(): void {
    this.#stopped = true;
    this.#stream.close();
    this.#reporter.stop();
    for (const release of this.#releases.splice(0)) release();
    for (const cancel of this.#probes.values()) cancel();
    this.#probes.clear();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#cancelSecond?.();
    this.#cancelCount?.();
  }

  #start(): void {
    const { node, owner, pubsub } = this.#options;
    this.#listen(pubsub);
    this.#releases.push(
      node.onNodeEvent((event) => this.#onNodeEvent(event)),
      owner.onChange(() => this.#ownerChanged()),
    );
    for (const peer of node.nodes()) this.#nodeup(peer);
    this.#reporter.start();
    this.#ownerChanged();
    this.#second();
  }

  #on<T>(
    pubsub: PubSub,
    topic: string,
    schema: z.ZodType<T>,
    handle: (message: T) => void,
  ): Subscription {
    return pubsub.subscribe(topic, (message) => {
      const parsed = schema.safeParse(message);
      if (parsed.success) {
        this.#refusals.delete(topic);
        handle(parsed.data);
        return;
      }
      const refusals = (this.#refusals.get(topic) ?? 0) + 1;
      this.#refusals.set(topic, refusals);
      const metadata = { node: this.#options.node.name, topic, refusals, error: parsed.error };
      this.#options.telemetry.execute('live.message.refused', {}, metadata);
    });
  }

  // --- nodes ------------------------------------------------------------------------------------

  #onNodeEvent(event: NodeEvent): void {
    if (!event.visible) return;
    if (event.type === 'nodeup') this.#nodeup(event.node);
    else {
      this.#cancelProbe(event.node);
      if (this.#roster.down(event.node)) {
        this.#stream.publish('gone', JSON.stringify({ name: event.node }));
      }
      this.#reporter.tellStatus();
    }
  }

  #nodeup(name: string): void {
    this.#changed(this.#roster.up(name));
    this.#reporter.announce();
    this.#cancelProbe(name);
    const cancel = this.#clock.setTimer(PROBE_AFTER_MS, () => {
      this.#probes.delete(name);
      void this.#probe(name);
    });
    this.#probes.set(name, cancel);
  }

  /** Another version of ours may tell nothing either; it is shown for what it is, a member. */
  async #probe(name: string): Promise<void> {
    const before = this.#roster.get(name);
    if (before?.kind !== 'unknown') return;
    const found = await probeRuntime(this.#options.rpc, name);
    if (this.#stopped || this.#roster.get(name) !== before) return;
    if (found.kind === 'beam') this.#changed(this.#roster.beam(name, found.runtime));
    this.#reporter.tell({ type: 'nodeup', about: name, detail: '' });
  }

  #cancelProbe(name: string): void {
    this.#probes.get(name)?.();
    this.#probes.delete(name);
  }

  #onStatus(status: Status): void {
    const before = this.#roster.statusOf(status.node);
    const entry = this.#roster.status(status);
    this.#changed(entry);
    if (entry === undefined || status.node === this.#options.node.name) return;
    if (before?.incarnation === status.incarnation) return;
    this.#cancelProbe(status.node);
    this.#reporter.greet(status.node);
    // Of two that have met, the younger is the one that came; the other one will see it so, too.
    if (isYounger(status, this.#reporter.status())) {
      this.#reporter.tell({ type: 'nodeup', about: status.node, detail: '' });
    }
  }

  #changed(entry: RosterEntry | undefined): void {
    if (entry !== undefined) this.#stream.publish('node', JSON.stringify(entry));
  }

  /** The latest count that was published or read, if there was one. */
  get count(): number | bigint | undefined {
    return this.#count?.count;
  }

  // --- the counter ------------------------------------------------------------------------------

  #ownerChanged(): void {
    const owner = this.#options.owner.node();
    if (owner === this.#owner) return;
    this.#owner = owner;
    this.#stream.publish('owner', JSON.stringify({ node: owner ?? null }));
    if (owner !== undefined) void this.#readCount();
  }

  /** For whoever comes before the next change; a change that is published meanwhile is newer. */
  async #readCount(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    const before = this.#count;
    try {
      const count = await this.#options.readCount();
      const node = this.#owner;
      if (this.#count === before && node !== undefined) this.#counted({ count, node });
    } catch (error) {
      const metadata = { node: this.#options.node.name, error };
      this.#options.telemetry.execute('live.count.unread', {}, metadata);
    } finally {
      this.#isReading = false;
    }
  }

  #counted(message: CountMessage): void {
    this.#count = message;
    if (this.#cancelCount === undefined && !this.#stopped) this.#tellCount(message);
  }

  /** Tells the first of many changes at once, and then the latest every so often. */
  #tellCount(message: CountMessage): void {
    this.#toldCount = message;
    this.#stream.publish('counter', countJson(message));
    this.#cancelCount = this.#clock.setTimer(COUNT_INTERVAL_MS, () => {
      this.#cancelCount = undefined;
      const latest = this.#count;
      if (latest !== undefined && latest !== this.#toldCount) this.#tellCount(latest);
    });
  }

  // --- time -------------------------------------------------------------------------------------

  #second(): void {
    this.#cancelSecond = this.#clock.setTimer(SECOND_MS, () => {
      this.#reporter.tellLoad();
      const point = this.#load.tick(Math.round(this.#now() / SECOND_MS), this.#clock.now());
      this.#stream.publish('load', JSON.stringify({ point, nodes: this.#load.nodes() }));
      this.#second();
    });
  }

  #snapshot(): string {
    const counter = this.#count === undefined ? 'null' : countJson(this.#count);
    const rest = JSON.stringify({
      self: this.#options.node.name,
      now: this.#now(),
      owner: this.#owner ?? null,
      nodes: this.#roster.entries,
      events: this.#log.events,
      load: this.#load.points,
    });
    return `{"counter":${counter},${rest.slice(1)}`;
  }
}

/** By hand, as `JSON.stringify` refuses a `bigint`. */
function countJson({ count, node }: CountMessage): string {
  return `{"count":${count},"node":${JSON.stringify(node)}}`;
}

function isYounger(a: Status, b: Status): boolean {
  return a.startedAt === b.startedAt ? a.node > b.node : a.startedAt > b.startedAt;
}
