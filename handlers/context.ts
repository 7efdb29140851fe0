/**
 * All that a handler may know and call, as interfaces just wide enough for the endpoints. Whoever
 * starts the service fits the real parts to them; tests fit plain objects.
 */
import type { RequestScope } from '../lib/http/messages.ts';

/** This node, as part of its cluster. */
export interface NodeView {
  /** `NAME@HOST`, or `nonode@nohost` outside of a cluster */
  readonly name: string;
  /** the nodes this one is connected with, without itself */
  connectedNodes(): readonly string[];
}

/**
 * The counter of the cluster, wherever it lives. Both reject with a `CallError` if it is not reached
 * in time. A count has no upper limit: beyond 2^53 it is a `bigint`. The `requestId` goes to the node where
 * the counter lives, for its log.
 */
export interface CounterView {
  get(options?: {
    readonly signal?: AbortSignal;
    readonly requestId?: string;
  }): Promise<number | bigint>;
  /**
   * Adds one and gives the new count; the same `key` adds one only once, and gives that count again. For a
   * `caller` that has gone before its increment is on its way none is counted.
   */
  increment(options?: {
    readonly caller?: { readonly isGone: boolean };
    readonly key?: string | undefined;
    readonly requestId?: string;
  }): Promise<number | bigint>;
}

/** What this node depends on, as far as it is known now. */
export interface ReadinessView {
  /** Never rejects, and is bounded in time. */
  check(): Promise<{
    readonly ready: boolean;
    readonly checks: {
      readonly http: 'up' | 'stopping';
      readonly distribution: 'up' | 'down' | 'off';
      readonly cluster: 'joined' | 'joining';
      readonly counter: 'reachable' | 'unreachable' | 'not_asked';
    };
  }>;
}

/** The figures of this node for a monitoring system. */
export interface MetricsView {
  /** the media type of {@link text} */
  readonly contentType: string;
  text(): Promise<string>;
}

/** A name and a secret, as basic authentication has them. */
export interface Credentials {
  /** without a colon */
  readonly user: string;
  readonly password: string;
}

/** Who may see what is not for everybody. */
export interface AccessPolicy {
  /** whether a client needs no credentials, judged by the address at the other end of its connection */
  isTrusted(remoteAddress: string | undefined): boolean;
  /** what all others have to give; `undefined`: nothing would help */
  readonly credentials: Credentials | undefined;
}

/** What happens in the cluster, for spectators. */
export interface LiveView {
  /**
   * Server-sent events, ready to be sent, from the one after `lastEventId` on if it is known, otherwise
   * from a snapshot on; `undefined` when there are too many spectators.
   */
  open(lastEventId: string | undefined): AsyncIterable<Uint8Array> | undefined;
}

/** A file of the dashboard. */
export interface AssetView {
  readonly contentType: string;
  readonly body: Uint8Array;
  /** with its quotes */
  readonly etag: string;
}

/** The files of the dashboard. */
export interface AssetsView {
  /** part of the addresses of all files; another one whenever one of them is another */
  readonly version: string;
  readonly page: AssetView;
  find(name: string): AssetView | undefined;
}

/** What the handlers of a service share. */
export interface Services {
  readonly node: NodeView;
  readonly counter: CounterView;
  readonly access: AccessPolicy;
  readonly readiness: ReadinessView;
  readonly metrics: MetricsView;
  readonly live: LiveView;
  readonly assets: AssetsView;
  /** the time now: ISO 8601, UTC */
  timestamp(): string;
}

/** The services, and the request that is being answered. */
export interface HandlerContext extends Services {
  readonly requestId: string;
  /** aborted when the client has gone */
  readonly signal: AbortSignal;
  /** whether the client has gone: {@link signal} without the making of one */
  readonly isGone: boolean;
  /** the other end of the connection, whatever the headers say */
  readonly remoteAddress: string | undefined;
  /** a header of the request by its name in lower case */
  header(name: string): string | undefined;
}

/** Makes the context of one request. */
export function createContext(services: Services, scope: RequestScope): HandlerContext {
  return new ScopedContext(services, scope);
}

class ScopedContext implements HandlerContext {
  readonly #services: Services;
  readonly #scope: RequestScope;

  constructor(services: Services, scope: RequestScope) {
    this.#services = services;
    this.#scope = scope;
  }

  get node(): NodeView {
    return this.#services.node;
  }

  get counter(): CounterView {
    return this.#services.counter;
  }

  get access(): AccessPolicy {
    return this.#services.access;
  }

  get readiness(): ReadinessView {
    return this.#services.readiness;
  }

  get metrics(): MetricsView {
    return this.#services.metrics;
  }

  get live(): LiveView {
    return this.#services.live;
  }

  get assets(): AssetsView {
    return this.#services.assets;
  }

  timestamp(): string {
    return this.#services.timestamp();
  }

  get requestId(): string {
    return this.#scope.requestId;
  }

  // Asked for late, because the scope makes the signal only when somebody wants it.
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  get isGone(): boolean {
    return this.#scope.isGone;
  }

  get remoteAddress(): string | undefined {
    return this.#scope.remoteAddress;
  }

  header(name: string): string | undefined {
    return this.#scope.header(name);
  }
}
