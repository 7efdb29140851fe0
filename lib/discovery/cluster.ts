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
  /** between looks at who is there; default that of the {@link Connector} */
  readonly intervalMs?: number;
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
      ...(options.intervalMs === undefined ? {} : { intervalMs: options.intervalMs }),
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
  telemetry,
}: ClusterOptions): readonly DiscoverySource[] {
  if (distribution === undefined) return [];
  const { connectNodes, peersFile, epmdPort, commonPort } = distribution;
  const { name } = node.local;
  const sources: DiscoverySource[] = [];
  if (connectNodes.length > 0) sources.push(new StaticDiscovery(connectNodes, name));
  if (peersFile !== undefined) {
    sources.push(
      new PeersFileDiscovery({
        ...peersFile,
        ownName: name,
        onProblem: (error) =>
          telemetry.execute('cluster.peers_file_unusable', {}, { path: peersFile.path, error }),
        onLetGo: (peer) => telemetry.execute('cluster.let_go', {}, { node: name, peer }),
      }),
    );
  }
  // The user's own cookie file is shared with unrelated Erlang nodes: they are not to be joined.
  const hasMapper = commonPort === undefined;
  if (discoverOnLoopback && hasMapper && isLoopback(hostOf(name))) {
    sources.push(new EpmdDiscovery({ ownName: name, epmdPort }));
  }
  return sources;
}
