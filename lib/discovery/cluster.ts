/**
 * Membership of the cluster as a child of the application: looks for other nodes, connects with
 * them, and keeps doing so. Its start returns when the nodes found at first are connected and
 * share their global names with us, so that whoever starts after it sees a name that is taken.
 */
import type { DistributionConfig } from '../config.ts';
import { type DistributedNode, isLoopback } from '../distribution/index.ts';
import { hostOf } from '../node-name.ts';
import type { Child } from '../supervisor/child.ts';
import { serviceChild } from '../supervisor/service-child.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { Connector } from './connector.ts';
import type { DiscoverySource } from './discovery.ts';
import { EpmdDiscovery } from './epmd-discovery.ts';
import { PeersFileDiscovery } from './peers-file-discovery.ts';
import { StaticDiscovery } from './static-discovery.ts';

export interface ClusterOptions {
  readonly node: DistributedNode;
  /** `undefined`: there is nobody to look for */
  readonly distribution: DistributionConfig | undefined;
  /** whether nodes that the port mapper lists on our loopback host are meant to be our cluster */
  readonly discoverOnLoopback: boolean;
  /** longest wait for the first nodes' names */
  readonly syncTimeoutMs: number;
  readonly telemetry: Telemetry;
}

export const Cluster = {
  /** @returns `ignore` when there is nothing to look for */
  async start(options: ClusterOptions): Promise<Child | 'ignore'> {
    const { node, telemetry, syncTimeoutMs } = options;
    const sources = sourcesOf(options);
    if (sources.length === 0) return 'ignore';
    const { local, global } = node;
    const connector = new Connector({
      node: {
        name: local.name,
        isConnected: (name) => local.isConnected(name),
        connect: (name) => local.dial(name),
      },
      sources,
      log: ({ type, ...metadata }) =>
        telemetry.execute(`cluster.${type}`, {}, { ...metadata, peer: metadataPeer(metadata) }),
    });
    await connector.start();
    const synced = await global.whenSynced(local.nodes(), syncTimeoutMs);
    if (!synced) {
      const missing = local.nodes().filter((peer) => !global.synced(peer));
      telemetry.execute('cluster.sync_timeout', { syncTimeoutMs }, { node: local.name, missing });
    }
    return serviceChild(() => connector.stop());
  },
};

function metadataPeer(metadata: object): unknown {
  return 'node' in metadata ? metadata.node : undefined;
}

function sourcesOf({
  node,
  distribution,
  discoverOnLoopback,
}: ClusterOptions): readonly DiscoverySource[] {
  if (distribution === undefined) return [];
  const { name } = node.local;
  const sources: DiscoverySource[] = [];
  if (distribution.connectNodes.length > 0) {
    sources.push(new StaticDiscovery(distribution.connectNodes, name));
  }
  if (distribution.peersFile !== undefined) {
    sources.push(new PeersFileDiscovery(distribution.peersFile, name));
  }
  // The user's own cookie file is shared with unrelated Erlang nodes: they are not to be joined.
  if (discoverOnLoopback && isLoopback(hostOf(name))) {
    sources.push(new EpmdDiscovery({ ownName: name, epmdPort: distribution.epmdPort }));
  }
  return sources;
}
