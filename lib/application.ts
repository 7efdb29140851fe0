/**
 * The application: every child in start order, as the Elixir original has them.
 *
 * ```
 * application (one_for_one)
 * ├── telemetry   polls memory, event-loop delay, connections and mailboxes
 * ├── pubsub      topics and subscribers; in a cluster a scope of `pg`, and they over it (rest_for_one)
 * ├── live        what there is to see of the cluster, for spectators
 * ├── request_trace   tells the log of the counter's node whose requests it serves
 * ├── endpoint    the HTTP server
 * ├── cluster     finds other nodes and connects with them
 * └── counter     the one counter: owns it, or stands by; hands it over when it stops
 * ```
 *
 * The node itself, with its processes and the servers that peers expect, is there before the tree
 * and ends after it, as `kernel` does before and after an Erlang application.
 */
import {
  type AccessPolicy,
  type CounterView,
  createContext,
  errorResponses,
  routes,
} from '../handlers/index.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config.ts';
import type { Cookie } from './cookie.ts';
import { type CountChange, CountPublisher } from './count-publisher.ts';
import { COUNTER_NAME, Counter } from './counter.ts';
import { Assets } from './dashboard/assets.ts';
import { Cluster } from './discovery/cluster.ts';
import {
  Atom,
  type DistributedNode,
  genServerChild,
  isLoopback,
  PgScope,
  startNode,
} from './distribution/index.ts';
import { createRouter } from './http/router.ts';
import { HttpServer } from './http/server.ts';
import { COUNTER_TOPIC, Live } from './live/live.ts';
import { nodeFigures, nodeSources } from './measurements.ts';
import type { PubSubAdapter } from './pubsub/adapter.ts';
import { LocalAdapter } from './pubsub/adapter-local.ts';
import { PgAdapter } from './pubsub/adapter-pg.ts';
import { PHOENIX_SCOPE } from './pubsub/pg-pool.ts';
import { PubSub } from './pubsub/pubsub.ts';
import { Readiness } from './readiness.ts';
import { RequestTrace } from './request-trace.ts';
import type { Child, ExitReason } from './supervisor/child.ts';
import type { ChildSpec } from './supervisor/child-spec.ts';
import { serviceChild } from './supervisor/service-child.ts';
import { Supervisor } from './supervisor/supervisor.ts';
import { IsoTime } from './telemetry/iso-time.ts';
import { Metrics } from './telemetry/metrics.ts';
import { Poller } from './telemetry/poller.ts';
import type { Telemetry } from './telemetry/telemetry.ts';
import { packageVersion } from './version.ts';

export interface ApplicationOptions {
  readonly config: Config;
  /** there iff the configuration asks for distribution */
  readonly cookie: Cookie | undefined;
  readonly telemetry: Telemetry;
}

/** The name of the PubSub, as the Elixir original has it. */
const PUBSUB_NAME = 'HelloDistributed.PubSub';

/** How long `cluster` waits for the nodes it connected with to share their names. */
const SYNC_TIMEOUT_MS = 5_000;

/**
 * How long the requests under way may take when the application stops, and then the hand-off of the
 * counter: together less than the 10 s after which the process is ended. A request waits for the counter
 * 5 s at most.
 */
const ENDPOINT_STOP_MS = 6_000;
const COUNTER_STOP_MS = 3_000;

const NOTHING_PUBLISHED = { published: 0, received: 0, delivered: 0 } as const;

export class Application {
  readonly node: DistributedNode;
  readonly counter: Counter;
  readonly #options: ApplicationOptions;
  readonly #readiness: Readiness;
  readonly #metrics: Metrics;
  readonly #trace: RequestTrace;
  #supervisor: Supervisor | undefined;
  #pubsub: PubSub | undefined;
  readonly #pubsubListeners: ((pubsub: PubSub) => void)[] = [];
  #live: Live | undefined;
  #endpoint: HttpServer | undefined;
  #hasEnded = false;
  #stopping: Promise<void> | undefined;

  private constructor(options: ApplicationOptions, node: DistributedNode) {
    this.#options = options;
    this.node = node;
    const { telemetry, config } = options;
    const publisher = new CountPublisher({
      publish: (change) => this.#publishCount(change),
      clock: systemClock,
    });
    this.counter = new Counter({
      ...{ node, telemetry, directory: config.dataDir },
      onCount: (first, last, owner) => publisher.counted(first, last, owner),
      onRest: () => publisher.flush(),
    });
    this.#trace = new RequestTrace({ node, telemetry, name: COUNTER_NAME });
    this.#metrics = this.#createMetrics();
    this.#readiness = new Readiness({ local: node.local, counter: this.counter });
  }

  /**
   * Starts the node, then the tree.
   *
   * @throws {DistributionError} when the node cannot start
   * @throws {SupervisorError} when a child cannot, with the child's id and the cause
   */
  static async start(options: ApplicationOptions): Promise<Application> {
    const { config, cookie, telemetry } = options;
    const node = await startNode({
      telemetry,
      ...(config.distribution === undefined
        ? {}
        : {
            name: config.nodeName,
            cookie: cookie?.cookie,
            epmdPort: config.distribution.epmdPort,
            listenHost: config.distribution.listenHost,
            listenPorts: config.distribution.listenPorts,
            avoidPorts: config.distribution.avoidPorts,
            commonPort: config.distribution.commonPort,
            limits: { netTickTimeMs: config.distribution.netTickTimeMs },
          }),
    });
    let application: Application | undefined;
    try {
      application = new Application(options, node);
      const supervisor = await application.#startTree();
      application.#watch(supervisor);
      return application;
    } catch (error) {
      if (application !== undefined) application.#metrics.stop();
      await node.stop();
      throw error;
    }
  }

  /** Topics and their subscribers; another one after a restart of that child. */
  get pubsub(): PubSub | undefined {
    return this.#pubsub;
  }

  /** Calls the listener with each pubsub that is started from now on, for as long as the application lives. */
  onPubSub(listener: (pubsub: PubSub) => void): void {
    this.#pubsubListeners.push(listener);
  }

  /** Where the HTTP endpoint listens. */
  get url(): string | undefined {
    return this.#endpoint?.url;
  }

  /** Settles when the tree has ended, by {@link stop} or because restarts did not help. */
  get exited(): Promise<ExitReason> {
    return this.#supervisor?.exited ?? Promise.resolve({ type: 'shutdown' });
  }

  /**
   * Ends in order: the endpoint finishes its requests while the rest still works, the tree stops
   * in reverse order, the counter first, which hands over; then the node leaves the cluster.
   */
  stop(): Promise<void> {
    this.#readiness.stopping();
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #watch(supervisor: Supervisor): void {
    this.#supervisor = supervisor;
    void supervisor.exited.then(() => {
      this.#hasEnded = true;
    });
  }

  async #stop(): Promise<void> {
    const supervisor = this.#supervisor;
    if (supervisor !== undefined) {
      if (!this.#hasEnded) await supervisor.terminateChild('endpoint');
      supervisor.shutdown();
      await supervisor.exited;
    }
    await this.node.stop();
    this.#metrics.stop();
  }

  #createMetrics(): Metrics {
    const { counter } = this;
    return new Metrics({
      telemetry: this.#options.telemetry,
      node: nodeFigures(this.node.local, packageVersion()),
      counter: {
        read: () => ({
          value: greatest(counter.known, this.#live?.count ?? 0),
          isOwner: counter.isOwner,
        }),
        isName: (name) => name instanceof Atom && name.name === COUNTER_NAME.name,
      },
      pubsub: () => this.#pubsub?.figures ?? NOTHING_PUBLISHED,
    });
  }

  #startTree(): Promise<Supervisor> {
    const { telemetry } = this.#options;
    return Supervisor.start({
      name: 'application',
      strategy: 'one_for_one',
      telemetry,
      children: [
        { id: 'telemetry', start: () => this.#startPoller() },
        this.#pubsubSpec(),
        { id: 'live', start: () => this.#startLive() },
        { id: 'request_trace', start: () => this.#trace.start() },
        { id: 'endpoint', start: () => this.#startEndpoint(), shutdown: ENDPOINT_STOP_MS },
        { id: 'cluster', start: () => this.#startCluster() },
        { id: 'counter', start: () => this.counter.start(), shutdown: COUNTER_STOP_MS },
      ],
    });
  }

  #startPoller(): ReturnType<typeof serviceChild> {
    const { telemetry } = this.#options;
    const poller = new Poller({ telemetry, sources: nodeSources(this.node.local) });
    poller.start();
    return serviceChild(() => poller.stop());
  }

  /** A node that is alone needs no scope. */
  #pubsubSpec(): ChildSpec {
    const { local } = this.node;
    const { telemetry } = this.#options;
    if (!local.isDistributed) {
      return { id: 'pubsub', start: () => this.#startPubSub(new LocalAdapter(local.name)) };
    }
    let scope: PgScope;
    const startScope = (): Child => {
      scope = PgScope.start({ node: local, scope: PHOENIX_SCOPE, telemetry });
      return genServerChild(scope.process);
    };
    const startTopics = (): Promise<Child> =>
      this.#startPubSub(new PgAdapter({ node: local, scope, pubsub: PUBSUB_NAME, telemetry }));
    return {
      id: 'pubsub',
      type: 'supervisor',
      start: () =>
        Supervisor.start({
          name: 'pubsub',
          // The groups end with the scope: the workers have to join those of the next one.
          strategy: 'rest_for_one',
          telemetry,
          children: [
            { id: 'pg', start: startScope },
            { id: 'topics', start: startTopics },
          ],
        }),
    };
  }

  /** Between the end of one pubsub and the start of the next, nobody is subscribed. */
  #publishCount(change: CountChange): void {
    const pubsub = this.#pubsub;
    if (pubsub !== undefined && !pubsub.isStopped) pubsub.broadcast(COUNTER_TOPIC, change);
  }

  async #startPubSub(adapter: PubSubAdapter): Promise<Child> {
    const pubsub = await PubSub.start({ adapter, telemetry: this.#options.telemetry });
    this.#pubsub = pubsub;
    this.#live?.use(pubsub);
    for (const listener of this.#pubsubListeners) listener(pubsub);
    return serviceChild(() => pubsub.stop());
  }

  async #startCluster(): ReturnType<typeof Cluster.start> {
    const { telemetry, config, cookie } = this.#options;
    this.#readiness.joining();
    const cluster = await Cluster.start({
      node: this.node,
      distribution: config.distribution,
      discoverOnLoopback: cookie?.source === 'explicit',
      syncTimeoutMs: SYNC_TIMEOUT_MS,
      telemetry,
    });
    this.#readiness.joined();
    return cluster;
  }

  #startLive(): ReturnType<typeof serviceChild> {
    const { telemetry } = this.#options;
    const { local, global, kernel } = this.node;
    const pubsub = this.#pubsub;
    if (pubsub === undefined) throw new Error('expected the pubsub to be started before');
    const live = Live.start({
      ...{ node: local, telemetry, pubsub, version: packageVersion() },
      owner: {
        node: () => global.whereisName(COUNTER_NAME)?.node,
        onChange: (listener) => global.onNameEvent(listener),
      },
      readCount: () => this.counter.get(),
      rpc: (...call) => kernel.rpc(...call),
    });
    this.#live = live;
    return serviceChild(() => live.stop());
  }

  #tracedCounter(): CounterView {
    const { counter } = this;
    const trace = this.#trace;
    return {
      get: (options) => trace.follow('get', options?.requestId, counter.get(options)),
      increment: (options) =>
        trace.follow('increment', options?.requestId, counter.increment(options)),
    };
  }

  async #startEndpoint(): Promise<HttpServer> {
    const { config, telemetry } = this.#options;
    const { local } = this.node;
    const time = new IsoTime();
    const services = {
      node: {
        name: local.name,
        connectedNodes: () => local.nodes(),
      },
      counter: this.#tracedCounter(),
      access: accessPolicy(config),
      readiness: this.#readiness,
      metrics: this.#metrics,
      assets: Assets.load(),
      live: { open: (lastEventId?: string) => this.#live?.open(lastEventId) },
      timestamp: () => time.text(),
    };
    this.#endpoint = await HttpServer.start({
      ...config.http,
      errors: errorResponses,
      telemetry,
      handle: createRouter({
        routes,
        errors: errorResponses,
        createContext: (scope) => createContext(services, scope),
      }),
    });
    return this.#endpoint;
  }
}

/** What this node has counted or kept, and what it has only heard of: the count never goes back. */
function greatest(known: number | bigint, heard: number | bigint): number | bigint {
  return heard > known ? heard : known;
}

/** Where we develop, whoever is on the same machine is trusted. */
function accessPolicy({ environment, dashboard }: Config): AccessPolicy {
  const trusting = environment !== 'production';
  return {
    isTrusted: (remoteAddress) =>
      trusting && remoteAddress !== undefined && isLoopback(remoteAddress),
    credentials: dashboard,
  };
}
