/** Nodes as kernel servers see them, around the process tables of a {@link ProcessNetwork}. */
import type { ClusterNode, NodeEvent } from '../../lib/distribution/node/cluster-node.ts';
import type { ProcessTable } from '../../lib/distribution/process/process-table.ts';
import { ProcessNetwork } from './process-network.ts';

export interface NetworkNodesOptions {
  /** nodes that are hidden from all others */
  readonly hidden?: readonly string[];
}

export class NetworkNodes {
  readonly network: ProcessNetwork;
  readonly #hidden: ReadonlySet<string>;
  readonly #listeners = new Map<string, Set<(event: NodeEvent) => void>>();
  readonly #names: readonly string[];
  #connectionId = 0;

  /** Nobody is connected at first. */
  constructor(names: readonly string[], { hidden = [] }: NetworkNodesOptions = {}) {
    this.#names = names;
    this.#hidden = new Set(hidden);
    const emit = (type: NodeEvent['type']) => (name: string, node: string) => {
      this.#connectionId += 1;
      const of = { node, connectionId: this.#connectionId, visible: !this.#hidden.has(node) };
      const event: NodeEvent =
        type === 'nodeup' ? { type, ...of } : { type, ...of, reason: 'connection_closed' };
      for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(event);
    };
    this.network = new ProcessNetwork(names, {
      connected: false,
      onNodeup: emit('nodeup'),
      onNodedown: emit('nodedown'),
    });
  }

  /** A node as it is now: after a restart it is another. */
  node(name: string): ClusterNode & { readonly processes: ProcessTable } {
    const { network } = this;
    const processes = network.table(name);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    return {
      name,
      creation: processes.creation,
      processes,
      nodes: () =>
        this.#names.filter((other) => network.isConnected(name, other) && !this.#hidden.has(other)),
      isConnected: (other) => network.isConnected(name, other),
      connect: async (other) => {
        network.connect(name, other);
        return true;
      },
      disconnect: (other) => {
        const was = network.isConnected(name, other);
        network.disconnect(name, other);
        return was;
      },
      onNodeEvent: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  }

  /** How many listeners a node has. */
  listeners(name: string): number {
    return this.#listeners.get(name)?.size ?? 0;
  }

  connectAll(): void {
    for (const a of this.#names) for (const b of this.#names) if (a < b) this.network.connect(a, b);
  }
}
