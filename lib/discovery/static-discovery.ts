import type { DiscoverySource } from './discovery.ts';

/** Nodes named by the operator, with `--connect` or `CONNECT_NODES`: dialled for ever. */
export class StaticDiscovery implements DiscoverySource {
  readonly name = 'static';
  readonly #nodes: readonly string[];

  /** @param ownName left out of `nodes`, so that every node of a cluster may be given one list */
  constructor(nodes: Iterable<string>, ownName: string) {
    this.#nodes = [...new Set(nodes)].filter((node) => node !== ownName);
  }

  async discover(): Promise<readonly string[]> {
    return this.#nodes;
  }
}
