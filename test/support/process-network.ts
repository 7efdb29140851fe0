/**
 * Process tables joined by a network in memory, for tests of everything above `process/`.
 *
 * Signals between two nodes keep their order and are never delivered synchronously, as over a real
 * connection. A node that is not connected is dialled by the first signal unless that says otherwise;
 * `disconnect` and `refuse` decide when a connection is lost or cannot be made. Each signal goes to the
 * receiving table as it is; pass `transform` to send it through a codec.
 *
 * ```ts
 * const network = new ProcessNetwork(['a@x', 'b@x']);
 * const { a, b } = { a: network.table('a@x'), b: network.table('b@x') };
 * await network.settle(); // until no signal is under way
 * ```
 */
import {
  ProcessTable,
  type ProcessTableOptions,
} from '../../lib/distribution/process/process-table.ts';
import type { DeliverOptions, Signal } from '../../lib/distribution/process/signals.ts';

export interface SentSignal {
  readonly from: string;
  readonly to: string;
  readonly signal: Signal;
  readonly connect: boolean;
}

export interface ProcessNetworkOptions {
  /** connects all nodes from the start (default true) */
  readonly connected?: boolean;
  /** what a signal becomes on its way */
  readonly transform?: (signal: Signal) => Signal;
  /** further options of the tables */
  readonly table?: Omit<ProcessTableOptions, 'node' | 'creation' | 'remote'>;
  /** told after links and monitors have fired; both sides of a connection are told */
  readonly onNodeup?: (node: string, peer: string) => void;
  readonly onNodedown?: (node: string, peer: string) => void;
}

export class ProcessNetwork {
  /** every signal that was handed to the network, in order, dropped ones too */
  readonly sent: SentSignal[] = [];
  readonly #tables = new Map<string, ProcessTable>();
  readonly #connections = new Map<string, number>();
  #lastConnectionId = 0;
  readonly #refused = new Set<string>();
  readonly #options: ProcessNetworkOptions;
  #queue: (() => void)[] = [];
  #scheduled = false;
  #held = false;

  constructor(nodes: readonly string[], options: ProcessNetworkOptions = {}) {
    this.#options = options;
    for (const node of nodes) this.start(node);
    if (options.connected ?? true) {
      for (const a of nodes) for (const b of nodes) if (a < b) this.#open(a, b);
    }
  }

  /** Adds a node, or starts it again with another creation, connected to nobody. */
  start(node: string, creation = 1): ProcessTable {
    const remote = {
      deliver: (to: string, signal: Signal, options: DeliverOptions = {}) =>
        this.#deliver(node, to, signal, options.connect ?? true),
    };
    const table = new ProcessTable({ ...this.#options.table, node, creation, remote });
    this.#tables.set(node, table);
    return table;
  }

  table(node: string): ProcessTable {
    const table = this.#tables.get(node);
    if (table === undefined) throw new Error(`no node ${node} in this network`);
    return table;
  }

  isConnected(a: string, b: string): boolean {
    return this.#connections.has(pair(a, b));
  }

  connect(a: string, b: string): void {
    if (this.isConnected(a, b)) return;
    this.#open(a, b);
    this.#options.onNodeup?.(a, b);
    this.#options.onNodeup?.(b, a);
  }

  /** Loses the connection, with all that was under way on it, and tells both nodes before it returns. */
  disconnect(a: string, b: string): void {
    if (!this.#connections.delete(pair(a, b))) return;
    for (const [node, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      this.table(node).nodedown(peer);
      this.#options.onNodedown?.(node, peer);
    }
  }

  /** Makes every later attempt to reach `node` fail, as if it did not run. */
  refuse(node: string): void {
    this.#refused.add(node);
  }

  accept(node: string): void {
    this.#refused.delete(node);
  }

  /** Keeps signals back until {@link release}. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#schedule();
  }

  /** Resolves when no signal is under way and all that they caused has happened too. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#queue.length > 0 && !this.#held) quiet = -1;
    }
  }

  /** Ends all processes on all nodes. */
  async stop(): Promise<void> {
    await Promise.all([...this.#tables.values()].map((table) => table.stop(0)));
    this.#queue = [];
  }

  #open(a: string, b: string): void {
    this.#lastConnectionId += 1;
    this.#connections.set(pair(a, b), this.#lastConnectionId);
  }

  #deliver(from: string, to: string, signal: Signal, connect: boolean): void {
    this.sent.push({ from, to, signal, connect });
    const transform = this.#options.transform;
    const carried = transform === undefined ? signal : transform(signal);
    const connectionId = this.#connections.get(pair(from, to));
    this.#queue.push(() => {
      // Sent on a connection that is gone: lost with it, even if there is a new one by now.
      const current = this.#connections.get(pair(from, to));
      if (connectionId !== undefined && connectionId !== current) return;
      this.#arrive(from, to, carried, connect);
    });
    this.#schedule();
  }

  #arrive(from: string, to: string, signal: Signal, connect: boolean): void {
    if (!this.isConnected(from, to)) {
      if (!connect) return;
      if (this.#refused.has(to) || !this.#tables.has(to)) {
        this.table(from).nodedown(to);
        return;
      }
      this.connect(from, to);
    }
    this.table(to).receive(from, signal);
  }

  #schedule(): void {
    if (this.#scheduled || this.#held || this.#queue.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#held) return;
      const queue = this.#queue;
      this.#queue = [];
      for (const step of queue) step();
      this.#schedule();
    });
  }
}

/** The name of a connection, whichever side is named first. */
function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
