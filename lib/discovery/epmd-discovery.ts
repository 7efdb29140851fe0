import { isLoopback, listNames } from '../distribution/index.ts';
import { hostOf } from '../node-name.ts';
import type { DiscoverySource } from './discovery.ts';

export interface EpmdDiscoveryOptions {
  /** our full node name; its host part must be loopback */
  readonly ownName: string;
  readonly epmdPort: number;
  /** for one listing; default 2 s */
  readonly timeoutMs?: number;
  /** how to list; tests pass their own */
  readonly list?: typeof listNames;
}

/**
 * Every node that EPMD lists on our own loopback host: the nodes a developer starts on one machine
 * find each other. The list may hold unrelated Erlang nodes; a node's TCP port is its incarnation,
 * so that one which refused us is not bothered again.
 */
export class EpmdDiscovery implements DiscoverySource {
  readonly name = 'epmd';
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
    const { ownName, epmdPort, timeoutMs = 2_000, list = listNames } = this.#options;
    const listed = await list({ host: this.#host, epmdPort, timeoutMs, signal });
    this.#tcpPorts = new Map(
      listed
        .map(({ name, tcpPort }) => [`${name}@${this.#host}`, tcpPort] as const)
        .filter(([node]) => node !== ownName),
    );
    return [...this.#tcpPorts.keys()];
  }

  incarnationOf(node: string): string | undefined {
    return this.#tcpPorts.get(node)?.toString();
  }
}
