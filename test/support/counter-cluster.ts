/** Counters on the nodes of a {@link TestCluster}, with load from clients that remember their answers. */

import type { Count } from '../../lib/counter/count.ts';
import { COUNTER_NAME, Counter, type CounterOptions } from '../../lib/counter.ts';
import type { Child } from '../../lib/supervisor/child.ts';
import { type ClusterMember, TestCluster } from './cluster.ts';
import { until } from './peers.ts';

/** A node with its counter. */
export interface CounterNode {
  readonly node: ClusterMember;
  readonly counter: Counter;
  child: Child;
  /** answers count until then: those of a node that was killed reached nobody */
  alive: boolean;
  readonly events: { readonly event: string; readonly measurements: object }[];
}

export class CounterCluster {
  readonly network: TestCluster;
  readonly counters: CounterNode[] = [];
  readonly #options: Partial<CounterOptions>;
  /** increments that were answered, on nodes that were alive to answer, in the order of the answers */
  readonly acknowledged: {
    readonly value: Count;
    readonly owner: string | undefined;
    readonly client: number;
  }[] = [];
  #clients = 0;
  /** increments that failed: they may count or not */
  failed = 0;
  readonly errors: unknown[] = [];
  readonly #loads = new Set<Promise<void>>();
  #running = true;

  private constructor(network: TestCluster, options: Partial<CounterOptions>) {
    this.network = network;
    this.#options = options;
  }

  static async start(
    names: readonly string[],
    options: Partial<CounterOptions> = {},
  ): Promise<CounterCluster> {
    const cluster = new CounterCluster(await TestCluster.start(names), options);
    await Promise.all(cluster.network.nodes.map((node) => cluster.serve(node)));
    return cluster;
  }

  /** Starts a counter on a node. */
  async serve(node: ClusterMember): Promise<CounterNode> {
    const counter = new Counter({ node, telemetry: node.telemetry, ...this.#options });
    const events: CounterNode['events'] = [];
    node.telemetry.attach('test', 'counter.*', (event, measurements) => {
      events.push({ event, measurements });
    });
    const one: CounterNode = { node, counter, child: await counter.start(), alive: true, events };
    this.counters.push(one);
    this.counters.sort((x, y) => (x.node.name < y.node.name ? -1 : 1));
    return one;
  }

  async join(name: string): Promise<CounterNode> {
    return this.serve(await this.network.join(name));
  }

  get owners(): CounterNode[] {
    return this.counters.filter(({ counter }) => counter.isOwner);
  }

  /** The one owner, as soon as all agree on it. */
  async owner(): Promise<CounterNode> {
    await until(() => this.owners.length === 1, { intervalMs: 2, what: 'one owner' });
    return this.owners[0]!;
  }

  async kill(one: CounterNode): Promise<void> {
    this.#forget(one);
    await this.network.kill(one.node);
    one.child.kill();
  }

  /** As on SIGTERM: hand-off, then the node leaves. */
  async stopOrderly(one: CounterNode): Promise<void> {
    one.child.shutdown();
    await one.child.exited;
    this.#forget(one);
    await this.network.leave(one.node);
  }

  /** Increments on a node, one after the other, until {@link finish}, or the node is gone. */
  load(one: CounterNode, clients = 4): void {
    for (let client = 0; client < clients; client += 1) {
      this.#clients += 1;
      const load = this.#load(one, this.#clients).finally(() => this.#loads.delete(load));
      this.#loads.add(load);
    }
  }

  /** Answers that no owner may have given: a number twice, or to one client a smaller one after a greater. */
  wrongAnswers(): string[] {
    const wrong: string[] = [];
    const given = new Set<string>();
    const last = new Map<string, Count>();
    for (const { value, owner, client } of this.acknowledged) {
      if (owner === undefined) continue;
      const number = `${value} of ${owner}`;
      if (given.has(number)) wrong.push(`${number} given twice`);
      given.add(number);
      const order = `${owner} to client ${client}`;
      if (value <= (last.get(order) ?? 0)) wrong.push(`${value} after more, from ${order}`);
      last.set(order, value);
    }
    return wrong;
  }

  /** Ends the load, and waits for what is under way. */
  async finish(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loads);
  }

  async stop(): Promise<void> {
    this.#running = false;
    for (const { child } of this.counters) child.kill();
    await this.network.stop();
  }

  async #load(one: CounterNode, client: number): Promise<void> {
    while (this.#running && one.alive) {
      try {
        const before = ownerAt(one);
        const value = await one.counter.increment();
        const after = ownerAt(one);
        // When the owner changed meanwhile, either may have given the answer.
        const owner = before === after ? before : undefined;
        if (one.alive) this.acknowledged.push({ value, owner, client });
      } catch (error) {
        if (!one.alive) return;
        this.failed += 1;
        this.errors.push(error);
      }
      await new Promise(setImmediate);
    }
  }

  #forget(one: CounterNode): void {
    one.alive = false;
    const at = this.counters.indexOf(one);
    if (at >= 0) this.counters.splice(at, 1);
  }
}

/** Who owns the counter, as this node sees it. */
function ownerAt({ node }: CounterNode): string {
  return String(node.global.whereisName(COUNTER_NAME));
}
