import { type Clock, systemClock } from '../clock.ts';
import { EpmdError, isLoopback, listNames } from '../distribution/index.ts';
import { hostOf } from '../node-name.ts';
import type { DiscoverySource } from './discovery.ts';

export interface EpmdDiscoveryOptions {
  /** our full node name; its host part must be loopback */
  readonly ownName: string;
  readonly epmdPort: number;
  /** for one listing; default 2 s */
  readonly timeoutMs?: number;
  /** how long a mapper that is gone, or busy, is waited for; default 3 s */
  readonly patienceMs?: number;
  readonly clock?: Clock;
  /** how to list; tests pass their own */
  readonly list?: typeof listNames;
}

/** Between looks whether there is a mapper again. */
const PAUSE_MS = 50;

/**
 * Every node that EPMD lists on our own loopback host: the nodes a developer starts on one machine
 * find each other. The list may hold unrelated Erlang nodes; a node's TCP port is its incarnation,
 * so that one which refused us is not bothered again.
 *
 * We are registered ourselves, so there is a mapper. When there is none now, the node that answered in its place
 * has just gone, and another one is about to: to say that nobody is there would make a node that starts believe
 * that it is alone.
 */
export class EpmdDiscovery implements DiscoverySource {
  readonly name = 'epmd';
  /** a registration ends with its node */
  readonly namesLiveNodes = true;
  readonly #options: EpmdDiscoveryOptions;
  readonly #host: string;
  #tcpPorts: ReadonlyMap<string, number> = new Map();

  /** @throws {RangeError} when our host is not loopback: EPMD's list says nothing of other hosts */
  constructor(options: EpmdDiscoveryOptions) {
    this.#options = options;
    this.#host = hostOf(options.ownName);
    if (!isLoopback(this.#host)) {
      throw new RangeError(`expected a node on a loopback host, got ${options.ownName}`);
    }
  }

  async discover(signal?: AbortSignal): Promise<readonly string[]> {
    const { ownName } = this.#options;
    const listed = await this.#list(signal);
    this.#tcpPorts = new Map(
      listed
        .map(({ name, tcpPort }) => [`${name}@${this.#host}`, tcpPort] as const)
        .filter(([node]) => node !== ownName),
    );
    return [...this.#tcpPorts.keys()];
  }

  async #list(signal: AbortSignal | undefined): ReturnType<typeof listNames> {
    const { epmdPort, timeoutMs = 2_000, patienceMs = 3_000, list = listNames } = this.#options;
    const { clock = systemClock } = this.#options;
    const deadlineMs = clock.now() + patienceMs;
    for (;;) {
      try {
        return await list({ host: this.#host, epmdPort, timeoutMs, signal });
      } catch (error) {
        if (!isGone(error) || signal?.aborted || clock.now() >= deadlineMs) throw error;
        await pause(clock, signal);
      }
    }
  }

  incarnationOf(node: string): string | undefined {
    return this.#tcpPorts.get(node)?.toString();
  }
}

/** Nothing listens, or it closes just now, before its answer or within it. Or nobody had time for anything. */
const GONE: ReadonlySet<string> = new Set(['unreachable', 'closed', 'truncated', 'timeout']);

function isGone(error: unknown): boolean {
  return error instanceof EpmdError && GONE.has(error.code);
}

/** Ends early with the signal. */
function pause(clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancelTimer();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancelTimer = clock.setTimer(PAUSE_MS, end);
    signal?.addEventListener('abort', end);
  });
}
