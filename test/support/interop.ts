/**
 * Nodes of ours and live BEAM nodes around a private `epmd`, for interop tests.
 *
 *     const cluster = await startCluster(t);
 *     const [ours, erl] = await Promise.all([cluster.node('ours'), cluster.erl('erl')]);
 *     const actor = ours.actor('actor');
 *     await erl.eval(`{actor, '${ours.name}'} ! hello`);
 *     t.ok(isAtom(await actor.receive(), 'hello'));
 */
import { type DistributedNode, startNode } from '../../lib/distribution/index.ts';
import type { NodeEvent } from '../../lib/distribution/node/cluster-node.ts';
import type { LocalNode, LocalNodeOptions } from '../../lib/distribution/node/local-node.ts';
import type { ReceiveOptions } from '../../lib/distribution/process/mailbox.ts';
import type { Process } from '../../lib/distribution/process/process.ts';
import type { ProcessTableSizes } from '../../lib/distribution/process/process-table.ts';
import { atom } from '../../lib/distribution/terms/atom.ts';
import { inspectTerm } from '../../lib/distribution/terms/inspect.ts';
import type { Pid } from '../../lib/distribution/terms/pid.ts';
import { isTuple, type Tuple, tuple } from '../../lib/distribution/terms/term.ts';
import { type Metadata, Telemetry } from '../../lib/telemetry/telemetry.ts';
import { freePort } from './free-ports.ts';
import { type Peer, type PeerOptions, startElixir, startEpmd, startErl, until } from './peers.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

/** Options of a peer that the cluster does not set itself. */
export type ClusterPeerOptions = Partial<Pick<PeerOptions, 'args' | 'cookie'>>;

export interface Cluster {
  readonly epmdPort: number;
  readonly cookie: string;
  /** Starts a node of ours as `NAME@127.0.0.1`. */
  node(name: string, options?: Partial<LocalNodeOptions>): Promise<TestNode>;
  /** Starts an Erlang node as `NAME@127.0.0.1`. */
  erl(name: string, options?: ClusterPeerOptions): Promise<Peer>;
  /** Starts an Elixir node as `NAME@127.0.0.1`. */
  elixir(name: string, options?: ClusterPeerOptions): Promise<Peer>;
}

/** Starts `epmd`; everything that is started in the cluster ends with the test. */
export async function startCluster(t: Teardown, cookie = 'interop'): Promise<Cluster> {
  const nodes: TestNode[] = [];
  const peers: Peer[] = [];
  const epmd = await startEpmd(await freePort());
  t.teardown(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await Promise.all(peers.map((peer) => peer.kill()));
    await epmd.stop();
  });
  const epmdPort = epmd.port;
  const started = (peer: Peer): Peer => {
    peers.push(peer);
    return peer;
  };
  const full = (name: string, options: ClusterPeerOptions): PeerOptions => ({
    cookie,
    epmdPort,
    ...options,
    name: `${name}@127.0.0.1`,
  });
  return {
    epmdPort,
    cookie,
    async node(name, options = {}) {
      const node = await TestNode.start({
        cookie,
        epmdPort,
        ...options,
        name: `${name}@127.0.0.1`,
      });
      nodes.push(node);
      return node;
    },
    erl: async (name, options = {}) => started(await startErl(full(name, options))),
    elixir: async (name, options = {}) => started(await startElixir(full(name, options))),
  };
}

/** One event that a node of ours emitted. */
export interface RecordedEvent {
  readonly event: string;
  readonly metadata: Metadata;
}

/** A node of ours with a record of what it said and saw. */
export class TestNode {
  readonly name: string;
  readonly node: DistributedNode;
  readonly local: LocalNode;
  readonly telemetry: Telemetry;
  /** `distribution.*` events in the order in which they were emitted */
  readonly events: RecordedEvent[];
  /** nodeup and nodedown in order */
  readonly nodeEvents: NodeEvent[] = [];
  /** what the process table held when the node had just started */
  readonly initialSizes: ProcessTableSizes;

  private constructor(node: DistributedNode, telemetry: Telemetry, events: RecordedEvent[]) {
    this.node = node;
    this.local = node.local;
    this.name = node.local.name;
    this.telemetry = telemetry;
    this.events = events;
    this.initialSizes = node.local.processes.sizes;
    node.local.onNodeEvent((event) => this.nodeEvents.push(event));
  }

  static async start(options: Partial<LocalNodeOptions>): Promise<TestNode> {
    const telemetry = new Telemetry();
    const events: RecordedEvent[] = [];
    telemetry.attach('record', 'distribution.*', (event, _measurements, metadata) =>
      events.push({ event, metadata }),
    );
    return new TestNode(await startNode({ telemetry, ...options }), telemetry, events);
  }

  /** Metadata of the events of one name. */
  emitted(event: string): Metadata[] {
    return this.events.filter((recorded) => recorded.event === event).map((e) => e.metadata);
  }

  /** A process that only the test drives: it sends, receives, links … when the test says so. */
  actor(name?: string, options: { readonly trapExit?: boolean } = {}): Process {
    return this.local.processes.spawn(
      (self) => new Promise((resolve) => self.signal.addEventListener('abort', () => resolve())),
      { ...options, ...(name === undefined ? {} : { name }) },
    );
  }

  async connect(peer: Peer | TestNode): Promise<void> {
    const result = await this.local.dial(peer.name);
    if (!result.connected) throw result.error;
  }

  /** Waits for the connection, whoever makes it. */
  async connected(peer: Peer | TestNode): Promise<void> {
    await until(() => this.local.isConnected(peer.name), {
      what: `${this.name} connected with ${peer.name}`,
    });
  }

  /** Waits for the end of the connection. */
  async disconnected(peer: Peer | TestNode): Promise<void> {
    await until(() => !this.local.isConnected(peer.name), {
      what: `${this.name} not connected with ${peer.name}`,
    });
  }

  /** nodeup and nodedown of one peer, in order, as `nodeup` or `nodedown REASON`. */
  history(peer: Peer | TestNode): string[] {
    return this.nodeEvents
      .filter((event) => event.node === peer.name)
      .map((event) => (event.type === 'nodeup' ? 'nodeup' : `nodedown ${event.reason}`));
  }

  stop(): Promise<void> {
    return this.node.stop();
  }
}

/** The next message, in shell notation. */
export async function receiveText(actor: Process, options?: ReceiveOptions): Promise<string> {
  return inspectTerm(await actor.receive({ timeoutMs: 5_000, ...options }));
}

/**
 * A process on a BEAM node that only the test drives: the peer's evaluator of that name, so links,
 * monitors and messages of what is evaluated there are its own. It is registered under the name.
 */
export class RemoteActor {
  readonly peer: Peer;
  readonly name: string;

  private constructor(peer: Peer, name: string) {
    this.peer = peer;
    this.name = name;
  }

  static async start(peer: Peer, name: string): Promise<RemoteActor> {
    await peer.eval(`register(${name}, self())`, { as: name });
    const actor = new RemoteActor(peer, name);
    await peer.eval(`Monitor = monitor(process, ${name})`, { as: actor.#watcher });
    return actor;
  }

  /** Lets either process know the other's pid, `P` over there. @returns the pid of this one */
  async meet(actor: Process): Promise<Pid> {
    const met = atom('$met');
    actor.send({ name: this.name, node: this.peer.name }, tuple(met, actor.pid));
    await this.eval("P = receive {'$met', Met} -> Met end, P ! {'$met', self()}");
    const answer = await actor.receive({
      match: (message) => isTuple(message, 2, met.name),
      timeoutMs: 5_000,
    });
    return (answer as Tuple).elements[1] as Pid;
  }

  /** Evaluates in the process; `P` is whom it has met. */
  eval(source: string): Promise<string> {
    return this.peer.eval(source, { as: this.name });
  }

  /** The next message, as it is printed there; `nothing` when none comes. */
  receive(timeoutMs = 5_000): Promise<string> {
    return this.eval(`(fun() -> receive M -> M after ${timeoutMs} -> nothing end end)()`);
  }

  /** Waits for its end. @returns the exit reason, as it is printed there */
  ended(): Promise<string> {
    return this.peer.eval(
      "receive {'DOWN', Monitor, _, _, Reason} -> Reason after 5000 -> still_alive end",
      { as: this.#watcher },
    );
  }

  get #watcher(): string {
    return `watcher_of_${this.name}`;
  }
}
