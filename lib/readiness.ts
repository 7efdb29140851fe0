/**
 * Whether a node is ready for requests, for load balancers and for whoever waits for a start:
 *
 * | check | passes when |
 * |---|---|
 * | `http` | the endpoint takes requests; not while the node stops and its connections drain |
 * | `distribution` | other nodes can connect with this one; `off` where it has no name |
 * | `cluster` | the nodes that were known at the start are connected and share their names, or had their time |
 * | `counter` | it answers within {@link COUNTER_TIMEOUT_MS} |
 *
 * The counter is asked only when all else passes, by one call at a time, however many ask.
 */
import type { LocalNode } from './distribution/index.ts';

/** Longest wait for the counter: less than a probe usually waits. */
export const COUNTER_TIMEOUT_MS = 1_000;

/** How each check came out. */
export interface ReadinessChecks {
  readonly http: 'up' | 'stopping';
  readonly distribution: 'up' | 'down' | 'off';
  readonly cluster: 'joined' | 'joining';
  readonly counter: 'reachable' | 'unreachable' | 'not_asked';
}

/** The checks, and what they come to. */
export interface ReadinessReport {
  readonly ready: boolean;
  readonly checks: ReadinessChecks;
}

export interface ReadinessOptions {
  readonly local: Pick<LocalNode, 'isDistributed' | 'tcpPort'>;
  readonly counter: { get(options: { readonly timeoutMs: number }): Promise<unknown> };
}

/** Of one node. It begins as joining, and its end is that it stops. */
export class Readiness {
  readonly #options: ReadinessOptions;
  #joined = false;
  #stopping = false;
  #asking: Promise<boolean> | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** The cluster child looks for nodes, perhaps again. */
  joining(): void {
    this.#joined = false;
  }

  /** It has found what it knew. */
  joined(): void {
    this.#joined = true;
  }

  /** No further request shall come to this node. */
  stopping(): void {
    this.#stopping = true;
  }

  /** Never rejects, and takes {@link COUNTER_TIMEOUT_MS} at most. */
  async check(): Promise<ReadinessReport> {
    const before = this.#withoutCounter();
    const { http, distribution, cluster } = before;
    if (http !== 'up' || distribution === 'down' || cluster !== 'joined') {
      return { ready: false, checks: { ...before, counter: 'not_asked' } };
    }
    this.#asking ??= this.#askCounter();
    const reached = await this.#asking;
    // The node may have begun to stop meanwhile.
    const after = this.#withoutCounter();
    return {
      ready: reached && after.http === 'up',
      checks: { ...after, counter: reached ? 'reachable' : 'unreachable' },
    };
  }

  #withoutCounter(): Pick<ReadinessChecks, 'http' | 'distribution' | 'cluster'> {
    const { isDistributed, tcpPort } = this.#options.local;
    return {
      http: this.#stopping ? 'stopping' : 'up',
      distribution: !isDistributed ? 'off' : tcpPort === 0 ? 'down' : 'up',
      cluster: this.#joined ? 'joined' : 'joining',
    };
  }

  async #askCounter(): Promise<boolean> {
    try {
      await this.#options.counter.get({ timeoutMs: COUNTER_TIMEOUT_MS });
      return true;
    } catch {
      // Why it is not reached is for the requests that need it to tell.
      return false;
    } finally {
      this.#asking = undefined;
    }
  }
}
