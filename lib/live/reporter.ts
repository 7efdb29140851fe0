/**
 * What a node tells all others of itself, so that each of them can show the whole cluster: its status when
 * it meets a node and every few seconds, its load every second in which there is some, and what happens to
 * it when it happens. A node that joins is told at once, and what happened before it came.
 */
import type { Clock } from '../clock.ts';
import { type PubSub, PubSubStoppedError } from '../pubsub/pubsub.ts';
import type { Measurements, Metadata, Telemetry } from '../telemetry/telemetry.ts';
import {
  type ClusterEvent,
  describe,
  EVENTS_TOPIC,
  type Happening,
  TOLD_EVENTS,
} from './cluster-event.ts';
import { LOAD_TOPIC, type LoadMessage } from './cluster-load.ts';
import { LoadMeter } from './load-meter.ts';
import { STATUS_TOPIC, type Status } from './roster.ts';

export interface ReporterOptions {
  readonly node: string;
  readonly incarnation: string;
  readonly version: string;
  readonly runtime: string;
  /** names of the nodes that this one is connected with */
  readonly peers: () => readonly string[];
  /** may throw: some systems tell it by a file, and there may be no descriptor left */
  readonly memoryBytes: () => number;
  readonly telemetry: Telemetry;
  readonly pubsub: PubSub;
  readonly clock: Clock;
  /** milliseconds since 1970 */
  readonly now: () => number;
}

const STATUS_INTERVAL_MS = 5000;

/**
 * After a nodeup: the other side may not have joined the group yet by which messages reach it, and who has
 * heard of us answers at once.
 */
const ANNOUNCE_AFTER_MS: readonly number[] = [50, 250, 1000];

/** What a node that joins is told of what happened here. */
const MAX_TOLD_AGAIN = 32;
const MAX_PEERS = 64;

/** What operators ask, and responses that last for as long as a page is open, are no load of the service. */
const NO_LOAD = /^\/(dashboard|events|metrics|health|ready)(\/|$)/;
const INCREMENT_ROUTE = '/counter/increment';

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #startedAt: number;
  readonly #meter = new LoadMeter();
  readonly #told: ClusterEvent[] = [];
  readonly #timers = new Set<() => void>();
  /** whether the requests of a route count, for all routes of the service that were asked for */
  readonly #isLoad = new Map<string, boolean>();
  #pubsub: PubSub;
  #number = 0;
  #wasIdle = true;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#startedAt = options.now();
    this.#pubsub = options.pubsub;
  }

  /** Begins to tell. Whatever it publishes reaches this node as well. */
  start(): void {
    const { telemetry } = this.#options;
    telemetry.attach('live-load', 'http.request.stop', (_event, measurements, metadata) =>
      this.#request(measurements, metadata),
    );
    telemetry.attach('live-events', TOLD_EVENTS, (event, measurements, metadata) => {
      const happening = describe(event, measurements, metadata);
      if (happening !== undefined) this.tell(happening);
    });
    this.#repeatStatus();
  }

  stop(): void {
    this.#options.telemetry.detach('live-load');
    this.#options.telemetry.detach('live-events');
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** Goes on with another pubsub, after a restart of the former one. */
  use(pubsub: PubSub): void {
    this.#pubsub = pubsub;
  }

  /** What this node says of itself now. */
  status(): Status {
    const { node, incarnation, version, runtime, peers } = this.#options;
    const connected = peers();
    return {
      ...{ node, incarnation, startedAt: this.#startedAt, version, runtime },
      memoryBytes: this.#memoryBytes(),
      connections: connected.length,
      peers: connected.slice(0, MAX_PEERS),
    };
  }

  /** Tells the status to all, now and again until a node that has just come up can hear it. */
  announce(): void {
    this.tellStatus();
    for (const delayMs of ANNOUNCE_AFTER_MS) this.#later(delayMs, () => this.tellStatus());
  }

  tellStatus(): void {
    this.#publish((pubsub) => pubsub.broadcast(STATUS_TOPIC, this.status()));
  }

  /** Tells a node that has just made itself known who we are, and what happened here lately. */
  greet(node: string): void {
    this.#publish((pubsub) => {
      pubsub.directBroadcast(node, STATUS_TOPIC, this.status());
      for (const event of this.#told) pubsub.directBroadcast(node, EVENTS_TOPIC, event);
    });
  }

  /** Tells all what has happened. */
  tell(happening: Happening): void {
    const { node, incarnation, now } = this.#options;
    this.#number += 1;
    const event = { id: `${incarnation}/${this.#number}`, at: now(), node, ...happening };
    this.#told.push(event);
    if (this.#told.length > MAX_TOLD_AGAIN) this.#told.shift();
    this.#publish((pubsub) => pubsub.broadcast(EVENTS_TOPIC, event));
  }

  /** Tells the load since the last time; nothing, after it has told once that there is none. */
  tellLoad(): void {
    const load = this.#meter.read();
    const isIdle = load.requests === 0;
    if (isIdle && this.#wasIdle) return;
    this.#wasIdle = isIdle;
    const message: LoadMessage = { node: this.#options.node, ...load };
    this.#publish((pubsub) => pubsub.broadcast(LOAD_TOPIC, message));
  }

  #memoryBytes(): number | null {
    try {
      return this.#options.memoryBytes();
    } catch {
      // What cannot be read now is unknown to spectators, and no reason to say nothing of all the rest.
      return null;
    }
  }

  #request({ durationMs = 0 }: Measurements, { route, status }: Metadata): void {
    if (typeof route !== 'string') return;
    let isLoad = this.#isLoad.get(route);
    if (isLoad === undefined) {
      isLoad = !NO_LOAD.test(route);
      this.#isLoad.set(route, isLoad);
    }
    if (!isLoad) return;
    this.#meter.record(durationMs, route === INCREMENT_ROUTE && status === 200);
  }

  #repeatStatus(): void {
    this.tellStatus();
    this.#later(STATUS_INTERVAL_MS, () => this.#repeatStatus());
  }

  #later(delayMs: number, run: () => void): void {
    const cancel = this.#options.clock.setTimer(delayMs, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }

  #publish(publish: (pubsub: PubSub) => void): void {
    try {
      publish(this.#pubsub);
    } catch (error) {
      // Between the end of a pubsub and the start of the next one there is nobody to tell.
      if (!(error instanceof PubSubStoppedError)) throw error;
    }
  }
}
