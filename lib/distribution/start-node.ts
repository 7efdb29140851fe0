import type { GenServerClient } from './gen-server/client.ts';
import type { GlobalNames } from './kernel/global/global-names.ts';
import { type Kernel, startKernel } from './kernel/kernel.ts';
import { LocalNode, type LocalNodeOptions } from './node/local-node.ts';

/** A running node with the servers that its peers expect. */
export interface DistributedNode {
  readonly local: LocalNode;
  readonly kernel: Kernel;
  readonly global: GlobalNames;
  /** calls servers on this and other nodes */
  readonly client: GenServerClient;
  /** Leaves the cluster and ends all processes. Bounded; later calls return the same promise. */
  stop(): Promise<void>;
}

/**
 * Starts a node and lets peers in. Without a name, distribution is off.
 *
 * @throws {DistributionError} see {@link LocalNode.start}
 */
export async function startNode(options: LocalNodeOptions = {}): Promise<DistributedNode> {
  const local = await LocalNode.start(options);
  const kernel = startKernel(local, { telemetry: options.telemetry });
  local.accept();
  let stopping: Promise<void> | undefined;
  return {
    local,
    kernel,
    global: kernel.global,
    client: kernel.client,
    stop(): Promise<void> {
      stopping ??= stop(kernel, local);
      return stopping;
    },
  };
}

async function stop(kernel: Kernel, local: LocalNode): Promise<void> {
  // First of all, so that closing one connection after the other never looks like a partition.
  kernel.prepareShutdown();
  await local.stop();
  kernel.stop();
}
