/**
 * Several nodes of one cluster in this process, on loopback with a port mapper of their own, and the
 * faults that tests need: a node that dies, a network that is cut and healed.
 */
import { type DistributedNode, startNode } from '../../lib/distribution/index.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { freePort } from './free-ports.ts';
import { until } from './until.ts';

/** A node with the telemetry it reports to. */
export interface ClusterMember extends DistributedNode {
  readonly name: string;
  readonly telemetry: Telemetry;
}

export class TestCluster {
  readonly epmdPort: number;
  readonly nodes: ClusterMember[] = [];
  readonly #cookie = 'test-cluster';

  /** answers as port mapper, so that nodes may come and go */
  readonly #mapper: DistributedNode;

  private constructor(epmdPort: number, mapper: DistributedNode) {
    this.epmdPort = epmdPort;
    this.#mapper = mapper;
  }

  /** Starts nodes and connects each with each. */
  static async start(names: readonly string[]): Promise<TestCluster> {
    const epmdPort = await freePort();
    const mapper = await startNode({ name: 'mapper@127.0.0.1', cookie: 'mapper', epmdPort });
    const cluster = new TestCluster(epmdPort, mapper);
    for (const name of names) await cluster.join(name);
    return cluster;
  }

  /** Starts a node, and connects it with all others. */
  async join(alive: string): Promise<ClusterMember> {
    const name = `${alive}@127.0.0.1`;
    const telemetry = new Telemetry();
    const options = { name, cookie: this.#cookie, epmdPort: this.epmdPort, telemetry };
    const node: ClusterMember = { ...(await startNode(options)), name, telemetry };
    const others = [...this.nodes];
    this.nodes.push(node);
    await this.#connect([node], others);
    return node;
  }

  /** The node is gone at once: its sockets close, nothing is handed over. */
  async kill(node: ClusterMember): Promise<void> {
    this.#forget(node);
    for (const peer of node.local.nodes('connected')) node.local.disconnect(peer);
    await node.stop();
  }

  /** The node leaves in an orderly way, after whatever was stopped before. */
  async leave(node: ClusterMember): Promise<void> {
    this.#forget(node);
    await node.stop();
  }

  /** Cuts the network between groups of nodes: connections end, and no new ones come up. */
  cut(...groups: readonly (readonly ClusterMember[])[]): void {
    for (const [a, b] of pairsBetween(groups)) {
      // Either side refuses the other: the cookies do not match any more.
      a.local.setCookie(b.name, `cut-${a.name}`);
      b.local.setCookie(a.name, `cut-${b.name}`);
      a.local.disconnect(b.name);
      b.local.disconnect(a.name);
    }
  }

  /** Heals what {@link cut} cut, and waits until all share their names again. */
  async heal(...groups: readonly (readonly ClusterMember[])[]): Promise<void> {
    const pairs = pairsBetween(groups);
    for (const [a, b] of pairs) {
      a.local.setCookie(b.name, this.#cookie);
      b.local.setCookie(a.name, this.#cookie);
    }
    await Promise.all(pairs.map(([a, b]) => a.local.connect(b.name)));
    await this.synced(this.nodes);
  }

  /** Waits until the nodes are connected, each with each, and share their names. */
  async synced(nodes: readonly ClusterMember[]): Promise<void> {
    await until(() => nodes.every((a) => nodes.every((b) => a === b || a.global.synced(b.name))), {
      intervalMs: 5,
      what: 'names shared by all',
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.splice(0).map((node) => node.stop()));
    await this.#mapper.stop();
  }

  async #connect(some: readonly ClusterMember[], others: readonly ClusterMember[]): Promise<void> {
    await Promise.all(some.flatMap((a) => others.map((b) => a.local.connect(b.name))));
    await this.synced(this.nodes);
  }

  #forget(node: ClusterMember): void {
    const at = this.nodes.indexOf(node);
    if (at >= 0) this.nodes.splice(at, 1);
  }
}

function pairsBetween(
  groups: readonly (readonly ClusterMember[])[],
): (readonly [ClusterMember, ClusterMember])[] {
  return groups.flatMap((group, at) =>
    groups
      .slice(at + 1)
      .flatMap((other) => group.flatMap((a) => other.map((b) => [a, b] as const))),
  );
}
