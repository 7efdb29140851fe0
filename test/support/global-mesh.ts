/**
 * Nodes with `global` in one process, joined by a simulated network in virtual time.
 *
 * Signals keep their order on each connection and direction, and are delayed at random, so that
 * different connections overtake each other. Both sides of a connection see it come up and go down
 * at different moments. Everything follows from one seed: a failure is repeated by running its seed.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../lib/clock.ts';
import { GenServerClient } from '../../lib/distribution/gen-server/client.ts';
import {
  GlobalNames,
  type GlobalNamesOptions,
} from '../../lib/distribution/kernel/global/global-names.ts';
import type { ClusterNode, NodeEvent } from '../../lib/distribution/node/cluster-node.ts';
import { ProcessTable } from '../../lib/distribution/process/process-table.ts';
import type { DeliverOptions, Signal } from '../../lib/distribution/process/signals.ts';
import type { Pid } from '../../lib/distribution/terms/pid.ts';
import type { Term } from '../../lib/distribution/terms/term.ts';

/** A small generator (mulberry32): the same seed gives the same numbers. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Timer {
  readonly atMs: number;
  readonly sequence: number;
  readonly callback: () => void;
}

/** Time that passes only when a test says so; timers fire in order, each in a turn of its own. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #sequence = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#nowMs;
  }

  get pending(): number {
    return this.#timers.size;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    this.#sequence += 1;
    const timer = { atMs: this.#nowMs + delayMs, sequence: this.#sequence, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass, at most `durationMs`, until `done` says so. */
  async run(durationMs: number, done: () => boolean = () => false): Promise<boolean> {
    const endMs = this.#nowMs + durationMs;
    await nextTurn();
    while (!done()) {
      let next: Timer | undefined;
      for (const timer of this.#timers) {
        if (next === undefined || timer.atMs < next.atMs) next = timer;
        else if (timer.atMs === next.atMs && timer.sequence < next.sequence) next = timer;
      }
      if (next === undefined || next.atMs > endMs) {
        this.#nowMs = endMs;
        return done();
      }
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await nextTurn();
    }
    return true;
  }
}

interface Connection {
  readonly id: number;
  /** when the last signal in each direction arrives: later ones must not overtake it */
  readonly lastArrivalMs: Map<string, number>;
  /** one side has closed it; the other does not know yet */
  failed: boolean;
}

interface Link {
  connection: Connection | undefined;
  dialling: Promise<boolean> | undefined;
  queue: { signal: Signal; connect: boolean }[];
}

export type MeshOptions = Pick<
  GlobalNamesOptions,
  'lockerPause' | 'preventOverlappingPartitions' | 'telemetry'
> & {
  readonly seed?: number;
  /** signals take up to this long (default 20 ms) */
  readonly maxDelayMs?: number;
};

export class MeshNode implements ClusterNode {
  readonly name: string;
  readonly creation: number;
  readonly processes: ProcessTable;
  readonly global: GlobalNames;
  readonly client: GenServerClient;
  readonly links = new Map<string, Link>();
  readonly #mesh: GlobalMesh;
  readonly #listeners: ((event: NodeEvent) => void)[] = [];
  isRunning = true;

  constructor(mesh: GlobalMesh, name: string, creation: number, options: MeshOptions) {
    this.#mesh = mesh;
    this.name = name;
    this.creation = creation;
    this.processes = new ProcessTable({
      node: name,
      creation,
      clock: mesh.clock,
      remote: {
        deliver: (to, signal, deliverOptions) => mesh.deliver(this, to, signal, deliverOptions),
      },
    });
    this.client = new GenServerClient({ processes: this.processes });
    this.global = new GlobalNames({
      node: this,
      client: this.client,
      resolveAt: async (node, { name: conflicting, ours, theirs }) => {
        const owner = mesh.nodes.get(node);
        if (owner === undefined) return undefined;
        return owner.global.resolveIt(ours.method, conflicting, theirs.pid, ours.pid);
      },
      clock: mesh.clock,
      random: mesh.random,
      ...options,
    });
    this.global.start();
  }

  nodes(): readonly string[] {
    return [...this.links].filter(([, link]) => link.connection).map(([name]) => name);
  }

  isConnected(node: string): boolean {
    return this.links.get(node)?.connection !== undefined;
  }

  connect(node: string): Promise<boolean> {
    return this.#mesh.dial(this, node);
  }

  disconnect(node: string): boolean {
    return this.#mesh.disconnect(this.name, node);
  }

  onNodeEvent(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.push(listener);
    return () => this.#listeners.splice(this.#listeners.indexOf(listener), 1);
  }

  emit(event: NodeEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  link(peer: string): Link {
    let link = this.links.get(peer);
    if (link === undefined) {
      link = { connection: undefined, dialling: undefined, queue: [] };
      this.links.set(peer, link);
    }
    return link;
  }

  /** A process that does nothing but live. */
  idle(): Pid {
    return this.processes.spawnServer({ onMessage: () => {} }).pid;
  }
}

export class GlobalMesh {
  readonly clock = new VirtualClock();
  readonly random: () => number;
  readonly nodes = new Map<string, MeshNode>();
  readonly #options: MeshOptions;
  readonly #maxDelayMs: number;
  readonly #blocked = new Set<string>();
  #connectionId = 0;
  #creation = 0;

  constructor(names: readonly string[], options: MeshOptions = {}) {
    this.#options = options;
    this.#maxDelayMs = options.maxDelayMs ?? 20;
    this.random = seededRandom(options.seed ?? 1);
    for (const name of names) this.start(name);
  }

  node(name: string): MeshNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name} in this mesh`);
    return node;
  }

  get running(): MeshNode[] {
    return [...this.nodes.values()];
  }

  /** Starts a node, under a creation that was never used before. */
  start(name: string): MeshNode {
    this.#creation += 1;
    const node = new MeshNode(this, name, this.#creation, this.#options);
    this.nodes.set(name, node);
    return node;
  }

  /** The node is gone from one moment to the next; the others notice a little later. */
  async kill(name: string): Promise<void> {
    const node = this.node(name);
    this.nodes.delete(name);
    node.isRunning = false;
    for (const [peer, link] of node.links) {
      if (link.connection !== undefined) this.#closeLater(name, peer, link.connection);
    }
    node.links.clear();
    node.global.stop();
    await node.processes.stop(0);
  }

  async stop(): Promise<void> {
    for (const name of [...this.nodes.keys()]) await this.kill(name);
  }

  /** Makes connections between two nodes impossible, or possible again. */
  block(a: string, b: string, blocked = true): void {
    if (blocked) this.#blocked.add(pair(a, b));
    else this.#blocked.delete(pair(a, b));
  }

  connect(a: string, b: string): Promise<boolean> {
    return this.dial(this.node(a), b);
  }

  /** `a` closes its connection with `b`. */
  disconnect(a: string, b: string): boolean {
    const node = this.node(a);
    const connection = node.link(b).connection;
    if (connection === undefined) return false;
    this.#closeLater(a, b, connection);
    this.#down(node, b);
    return true;
  }

  dial(from: MeshNode, to: string): Promise<boolean> {
    const link = from.link(to);
    if (link.connection !== undefined) return Promise.resolve(true);
    link.dialling ??= new Promise((resolve) => {
      this.clock.setTimer(this.#delayMs(), () => {
        const end = (): void => {
          link.dialling = undefined;
          if (link.connection === undefined) {
            link.queue = [];
            if (from.isRunning) from.processes.nodedown(to);
          }
          resolve(link.connection !== undefined);
        };
        if (!from.isRunning) return end();
        const peer = this.nodes.get(to);
        if (peer === undefined || this.#blocked.has(pair(from.name, to))) {
          return end();
        }
        if (link.connection !== undefined) return end();
        // The peer's own attempt is further on: it is our connection too when it comes up here.
        const pending = peer.link(from.name).connection;
        if (pending !== undefined && !pending.failed) this.clock.setTimer(this.#maxDelayMs, end);
        else this.#establish(from, peer, end);
      });
    });
    return link.dialling;
  }

  deliver(from: MeshNode, to: string, signal: Signal, options: DeliverOptions = {}): void {
    const link = from.link(to);
    const connect = options.connect ?? true;
    if (link.connection !== undefined) {
      this.#transmit(from, to, link.connection, signal);
      return;
    }
    if (!connect && link.dialling === undefined) return;
    link.queue.push({ signal, connect });
    void this.dial(from, to);
  }

  /** Runs until nothing changes any more on any node: no lock, no session, all names equal. */
  settle(maxMs = 60_000): Promise<boolean> {
    return this.clock.run(maxMs, () => this.isQuiet());
  }

  isQuiet(): boolean {
    const names = [...this.nodes.keys()];
    const tables = new Set(this.running.map(({ global }) => tableOf(global)));
    return (
      tables.size <= 1 &&
      this.running.every(
        ({ name, global }) =>
          global.locks().length === 0 &&
          global.knownNodes().length === names.length - 1 &&
          this.#agreesOnConnections(name) &&
          names.every((other) => other === name || global.synced(other)),
      )
    );
  }

  /** Whether the node's connections are also its peers' connections. */
  #agreesOnConnections(name: string): boolean {
    return [...this.node(name).links].every(
      ([peer, { connection }]) =>
        connection === undefined ||
        this.nodes.get(peer)?.links.get(name)?.connection === connection,
    );
  }

  #delayMs(): number {
    return this.random() * this.#maxDelayMs;
  }

  /** The acceptor comes up with its last message, the initiator when that arrives, before all signals. */
  #establish(initiator: MeshNode, acceptor: MeshNode, end: () => void): void {
    this.#connectionId += 1;
    const connection: Connection = {
      id: this.#connectionId,
      lastArrivalMs: new Map(),
      failed: false,
    };
    const up = (node: MeshNode, peer: MeshNode): void => {
      if (connection.failed) return;
      if (!node.isRunning) {
        this.#closeLater(node.name, peer.name, connection);
        return;
      }
      const link = node.link(peer.name);
      if (link.connection !== undefined) {
        if (link.connection.id >= connection.id) return;
        this.#down(node, peer.name);
      }
      link.connection = connection;
      node.emit({ type: 'nodeup', node: peer.name, connectionId: connection.id, visible: true });
      const queue = link.queue;
      link.queue = [];
      for (const { signal } of queue) this.#transmit(node, peer.name, connection, signal);
    };
    const delayMs = this.#delayMs();
    connection.lastArrivalMs.set(initiator.name, this.clock.now() + delayMs);
    this.clock.setTimer(delayMs, () => {
      up(initiator, acceptor);
      end();
    });
    up(acceptor, initiator);
  }

  #transmit(from: MeshNode, to: string, connection: Connection, signal: Signal): void {
    this.#later(to, connection, () => {
      const peer = this.nodes.get(to);
      if (peer?.links.get(from.name)?.connection !== connection) return;
      peer.processes.receive(from.name, signal);
    });
  }

  /** Calls back when everything that was sent before on this connection has arrived. */
  #later(to: string, connection: Connection, callback: () => void): void {
    const last = connection.lastArrivalMs.get(to) ?? 0;
    const atMs = Math.max(last, this.clock.now() + this.#delayMs());
    connection.lastArrivalMs.set(to, atMs);
    this.clock.setTimer(atMs - this.clock.now(), callback);
  }

  #closeLater(from: string, to: string, connection: Connection): void {
    connection.failed = true;
    this.#later(to, connection, () => {
      const peer = this.nodes.get(to);
      if (peer?.links.get(from)?.connection === connection) this.#down(peer, from);
    });
  }

  #down(node: MeshNode, peer: string): void {
    const link = node.link(peer);
    const connectionId = link.connection?.id ?? 0;
    link.connection = undefined;
    node.processes.nodedown(peer);
    node.emit({ type: 'nodedown', node: peer, connectionId, visible: true, reason: 'closed' });
  }
}

/** The name table as text, to compare tables of different nodes. */
export function tableOf(global: GlobalNames): string {
  return global
    .registeredNames()
    .map((name) => `${describeName(name)}=${global.whereisName(name)?.key}`)
    .sort()
    .join(' ');
}

function describeName(name: Term): string {
  return String(name);
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
