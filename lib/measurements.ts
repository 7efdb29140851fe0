import type { LocalNode } from './distribution/index.ts';
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
