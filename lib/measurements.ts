import type { LocalNode } from './distribution/index.ts';
import type { NodeFigures } from './telemetry/metrics/node.ts';
import type { PollerSource } from './telemetry/poller.ts';

/**
 * What is measured of a node from time to time, each with the node's name as metadata:
 *
 * - `distribution.connections` {count, bytesReceived, bytesWritten, bytesQueued}: the connections that
 *   are up, their bytes added together
 * - `vm.processes` {processes, links, monitors, aliases, names}
 * - `vm.mailboxes` {messages, longest}: messages that nobody has received yet, in all mailboxes and in
 *   the longest
 */
export function nodeSources(
  local: Pick<LocalNode, 'name' | 'connections' | 'processes'>,
): readonly PollerSource[] {
  const { processes } = local;
  const metadata = { node: local.name };
  return [
    {
      event: 'distribution.connections',
      measure: () => {
        let bytesReceived = 0;
        let bytesWritten = 0;
        let bytesQueued = 0;
        const connections = local.connections();
        for (const connection of connections) {
          bytesReceived += connection.bytesReceived;
          bytesWritten += connection.bytesWritten;
          bytesQueued += connection.bytesQueued;
        }
        return { count: connections.length, bytesReceived, bytesWritten, bytesQueued };
      },
      metadata,
    },
    { event: 'vm.processes', measure: () => ({ ...processes.sizes }), metadata },
    { event: 'vm.mailboxes', measure: () => ({ ...processes.mailboxes }), metadata },
  ];
}

/** What the metrics say of a node, read when somebody asks for them. */
export function nodeFigures(
  local: Pick<LocalNode, 'name' | 'nodes' | 'connections' | 'processes'>,
  version: string,
): NodeFigures {
  return {
    name: local.name,
    version,
    clusterNodes: () => local.nodes().length + 1,
    connections: () => local.connections(),
    processes: () => local.processes.sizes.processes,
    mailboxes: () => local.processes.mailboxes,
  };
}
