/**
 * A node: a name, a cookie, a creation, its processes, and its connections with other nodes.
 *
 * A node is an object; any number of them live in one process. It starts in two steps, because
 * the servers that peers expect (`net_kernel`, `global_name_server`, …) must be there before the
 * first peer is: {@link LocalNode.start} binds the socket, registers with the port mapper and so
 * learns the creation; {@link LocalNode.accept} lets peers in.
 *
 * With distribution off the node is `nonode@nohost`: processes and names work, no socket exists.
 */
import { randomInt } from 'node:crypto';
import { aliveName, hostOf, isNodeName, NO_NODE } from '../../node-name.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { listenHostFor } from '../epmd/loopback.ts';
import { EpmdRegistration } from '../epmd/registration.ts';
import { ConnectionError } from '../errors.ts';
import { ProcessTable } from '../process/process-table.ts';
import type { DeliverOptions, Signal } from '../process/signals.ts';
import { DFLAG_PUBLISHED, OFFERED_FLAGS } from '../wire/flags.ts';
import type { ClusterNode, NodeEvent } from './cluster-node.ts';
import type { Connection } from './connection.ts';
import {
  type ConnectionLimits,
  Connections,
  type DialResult,
  type Refusal,
} from './connections.ts';
import { tcpDial } from './dial.ts';
import type { NodeIdentity } from './identity.ts';
import { ANY_PORT, Listener, type ListenerOptions, type PortRange } from './listener.ts';

export interface LocalNodeOptions {
  /** `name@host`; without it distribution is off */
  readonly name?: string | undefined;
  /** the secret shared with all peers for which {@link LocalNode.setCookie} names no other */
  readonly cookie?: string | undefined;
  readonly telemetry?: Telemetry | undefined;
  readonly epmdPort?: number;
  /** whether to answer as the port mapper when nothing listens on its port; default true */
  readonly embeddedEpmd?: boolean;
  /** address on which peers reach us; default loopback for a loopback name, else all addresses */
  readonly listenHost?: string | undefined;
  /** TCP ports, of which peers reach us on the first free one; default any */
  readonly listenPorts?: PortRange | undefined;
  /** TCP ports on which never to listen for peers; default none but that of the port mapper */
  readonly avoidPorts?: Iterable<number> | undefined;
  /**
   * The TCP port of every node of the cluster, ours too: there is no port mapper then, and the options
   * about it and about ports mean nothing. OTP's nodes do the same with `-erl_epmd_port`.
   */
  readonly commonPort?: number | undefined;
  /** a hidden node takes no part in `global` or the mesh */
  readonly hidden?: boolean;
  /** capability flags; default {@link OFFERED_FLAGS} */
  readonly flags?: bigint;
  readonly limits?: Partial<ConnectionLimits & AdmissionLimits>;
}

/** Bounds on sockets that have not proved anything yet. */
export interface AdmissionLimits {
  readonly maxUnauthenticated: number;
  readonly maxUnauthenticatedPerAddress: number;
}

/** The limits of a node for which none are given. The times are OTP's. */
export const DEFAULT_LIMITS: ConnectionLimits & AdmissionLimits = {
  netTickTimeMs: 60_000,
  setupTimeMs: 7_000,
  maxFrameBytes: 128 * 1024 * 1024,
  highWaterMarkBytes: 1024 * 1024,
  maxQueuedBytes: 256 * 1024 * 1024,
  maxWaitingSignals: 100_000,
  maxUnauthenticated: 512,
  maxUnauthenticatedPerAddress: 256,
};

export const DEFAULT_EPMD_PORT = 4369;

/** A creation when no port mapper gives one: 1 to 3 are reserved for old nodes. */
function randomCreation(): number {
  return randomInt(4, 2 ** 32 - 1);
}

export class LocalNode implements ClusterNode {
  readonly name: string;
  readonly creation: number;
  readonly processes: ProcessTable;
  readonly startedAt = Date.now();

  readonly #options: LocalNodeOptions;
  readonly #telemetry: Telemetry | undefined;
  readonly #listener: Listener | undefined;
  readonly #registration: EpmdRegistration | undefined;
  readonly #connections: Connections;
  readonly #limits: ConnectionLimits & AdmissionLimits;
  readonly #cookies = new Map<string, string>();
  #stopping: Promise<void> | undefined;

  private constructor(options: LocalNodeOptions, parts: NetworkParts | undefined) {
    this.#options = options;
    this.#telemetry = options.telemetry;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.name = options.name ?? NO_NODE;
    this.creation = parts?.creation ?? randomCreation();
    this.#listener = parts?.listener;
    this.#registration = parts?.registration;
    this.processes = new ProcessTable({
      node: this.name,
      creation: this.creation,
      remote: { deliver: (node, signal, how) => this.#deliver(node, signal, how) },
      ...(options.telemetry === undefined ? {} : { telemetry: options.telemetry }),
    });
    this.#connections = new Connections({
      identity: this.#identity(),
      limits: this.#limits,
      dial: tcpDial(
        options.commonPort === undefined
          ? { epmdPort: options.epmdPort ?? DEFAULT_EPMD_PORT }
          : { commonPort: options.commonPort },
      ),
      nobody: this.processes.nobody,
      onSignal: (peer, signal) => this.processes.receive(peer, signal),
      onUnreachable: (node) => this.processes.nodedown(node),
      onRefused: (refusal) => this.#reportRefusal(refusal),
      onFault: (error) =>
        this.#telemetry?.execute('distribution.fault', {}, { node: this.name, error }),
    });
    this.#connections.onNodeEvent((event) => this.#reportNodeEvent(event));
  }

  /**
   * Starts a node up to the point where it is registered but lets nobody in yet.
   *
   * @throws {ConnectionError} `unknown_node` for an invalid name, `unreachable` when the socket
   *   cannot be bound
   * @throws {EpmdError} `name_taken` when a node of that name is registered on this host, or what
   *   else the port mapper objects to
   */
  static async start(options: LocalNodeOptions = {}): Promise<LocalNode> {
    if (options.name === undefined) return new LocalNode(options, undefined);
    if (!isNodeName(options.name)) {
      throw new ConnectionError(
        'unknown_node',
        `expected a node name of the form NAME@HOST, got ${JSON.stringify(options.name)}`,
      );
    }
    if (options.cookie === undefined || options.cookie === '') {
      throw new ConnectionError('distribution_off', 'a node with a name needs a cookie');
    }
    return LocalNode.#startNetwork(options, options.name);
  }

  static async #startNetwork(options: LocalNodeOptions, name: string): Promise<LocalNode> {
    const { commonPort, epmdPort = DEFAULT_EPMD_PORT } = options;
    const ownHost = listenHostFor(hostOf(name));
    // The listener calls back into a node that exists only once the port mapper has answered.
    const late: LateListener = {};
    const listener = await Listener.listen({
      host: options.listenHost ?? ownHost,
      ...(commonPort === undefined
        ? {
            tcpPorts: options.listenPorts ?? ANY_PORT,
            avoid: new Set([...(options.avoidPorts ?? []), epmdPort]),
          }
        : { tcpPorts: { min: commonPort, max: commonPort } }),
      admit: (address) => late.admit?.(address) ?? false,
      onSocket: (socket) => late.accept?.(socket),
      onError: (error) =>
        options.telemetry?.execute('distribution.listener.failure', {}, { node: name, error }),
    });
    const start = (parts: Omit<NetworkParts, 'listener'>): LocalNode => {
      const node = new LocalNode(options, { listener, ...parts });
      late.admit = (address) => node.#admit(address);
      late.accept = (socket) => node.#connections.accept(socket);
      return node;
    };
    if (commonPort !== undefined) return start({ creation: randomCreation() });
    const registration = new EpmdRegistration({
      name: aliveName(name),
      tcpPort: listener.tcpPort,
      nodeType: options.hidden === true ? 'hidden' : 'normal',
      epmdPort,
      listenHost: ownHost,
      allowEmbedded: options.embeddedEpmd ?? true,
      onEvent: (event) => {
        const { type, ...metadata } = event;
        options.telemetry?.execute(`distribution.epmd.${type}`, {}, { node: name, ...metadata });
      },
    });
    try {
      return start({ registration, creation: await registration.start() });
    } catch (error) {
      await listener.close();
      throw error;
    }
  }

  /** Whether the node has a name and takes part in a cluster. */
  get isDistributed(): boolean {
    return this.#listener !== undefined;
  }

  /** TCP port on which peers reach us, 0 with distribution off. */
  get tcpPort(): number {
    return this.#listener?.tcpPort ?? 0;
  }

  /** Lets peers in. Call it once the kernel servers are registered. */
  accept(): void {
    this.#listener?.accept();
  }

  /** Sets the cookie used with one peer, as `erlang:set_cookie/2`. */
  setCookie(peer: string, cookie: string): void {
    this.#cookies.set(peer, cookie);
  }

  nodes(kind: 'visible' | 'hidden' | 'connected' = 'visible'): readonly string[] {
    const names: string[] = [];
    for (const { peer, visible } of this.#connections.all()) {
      if (kind === 'connected' || visible === (kind === 'visible')) names.push(peer);
    }
    return names;
  }

  /** The connections that are up, for figures about them. */
  connections(): readonly Connection[] {
    return [...this.#connections.all()];
  }

  isConnected(node: string): boolean {
    return this.#connections.get(node) !== undefined;
  }

  async connect(node: string): Promise<boolean> {
    if (node === this.name) return true;
    return (await this.dial(node)).connected;
  }

  /** Like {@link connect}, and says why not. Never rejects. */
  async dial(node: string): Promise<DialResult> {
    const refusal = this.#undialable(node);
    if (refusal !== undefined) return { connected: false, error: refusal };
    return this.#connections.connect(node);
  }

  disconnect(node: string): boolean {
    return this.#connections.disconnect(node, 'disconnect');
  }

  /**
   * Resolves when little enough is queued for `node` that a cooperative sender may go on, at once
   * when nothing is connected. Senders that do not ask are cut off at `maxQueuedBytes`.
   */
  whenWritable(node: string): Promise<void> {
    return this.#connections.get(node)?.whenWritable() ?? Promise.resolve();
  }

  onNodeEvent(listener: (event: NodeEvent) => void): () => void {
    return this.#connections.onNodeEvent(listener);
  }

  /**
   * Leaves the cluster: no new peers, the name is given back, all connections end in one turn, the
   * processes end. Bounded by the time that processes get for it. Later calls return the same promise.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const listening = this.#listener?.close();
    await this.#registration?.stop();
    await this.processes.stop();
    this.#connections.close();
    await listening;
  }

  #identity(): NodeIdentity {
    const offered = this.#options.flags ?? OFFERED_FLAGS;
    return {
      name: this.name,
      creation: this.creation,
      flags: this.#options.hidden === true ? offered & ~DFLAG_PUBLISHED : offered,
      cookieFor: (peer) => this.#cookies.get(peer) ?? this.#options.cookie ?? '',
    };
  }

  #undialable(node: string): ConnectionError | undefined {
    if (!this.isDistributed) {
      const message = `cannot connect to ${node}: distribution is off, this node has no name`;
      return new ConnectionError('distribution_off', message, { node });
    }
    if (!isNodeName(node) || node === this.name) {
      const message = `expected the name of another node as NAME@HOST, got ${JSON.stringify(node)}`;
      return new ConnectionError('unknown_node', message, { node });
    }
    return undefined;
  }

  #deliver(node: string, signal: Signal, options: DeliverOptions | undefined): void {
    // On the way of every signal only the look-up of its connection, no examination of the name.
    if (this.#connections.send(node, signal)) return;
    // A name that cannot be dialled is unreachable, which the connections report in due course.
    const reachable = this.#undialable(node) === undefined;
    this.#connections.deliver(node, signal, reachable ? options : { connect: false });
  }

  #admit(address: string | undefined): boolean {
    const { maxUnauthenticated, maxUnauthenticatedPerAddress } = this.#limits;
    const admitted =
      this.#stopping === undefined &&
      this.#connections.unauthenticated < maxUnauthenticated &&
      this.#connections.unauthenticatedFrom(address) < maxUnauthenticatedPerAddress;
    if (!admitted) {
      const metadata = { node: this.name, remoteAddress: address };
      this.#telemetry?.execute('distribution.listener.rejected', {}, metadata);
    }
    return admitted;
  }

  #reportRefusal({ node, direction, error, remoteAddress }: Refusal): void {
    this.#telemetry?.execute(
      'distribution.handshake.refused',
      {},
      { node: this.name, peer: node, direction, code: error.code, error, remoteAddress },
    );
  }

  #reportNodeEvent(event: NodeEvent): void {
    const measurements = { nodes: this.nodes().length };
    if (event.type === 'nodeup') {
      const { node: peer, visible } = event;
      this.#telemetry?.execute('distribution.node.up', measurements, {
        node: this.name,
        peer,
        visible,
      });
    } else {
      const { node: peer, visible, reason, error } = event;
      this.#telemetry?.execute('distribution.node.down', measurements, {
        node: this.name,
        peer,
        visible,
        reason,
        error,
      });
    }
  }
}

/** The listener's callbacks, which it has no use for before the node lets peers in. */
interface LateListener {
  admit?: ListenerOptions['admit'];
  accept?: ListenerOptions['onSocket'];
}

interface NetworkParts {
  readonly listener: Listener;
  /** none where all nodes listen on one port */
  readonly registration?: EpmdRegistration;
  readonly creation: number;
}
