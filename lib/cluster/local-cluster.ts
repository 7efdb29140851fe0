/**
 * A cluster of nodes on this machine.
 *
 * ```
 * starting ── all see each other, the counter answers ──▶ running
 *    │ a node ends, or takes too long                        │ a node ends: reported, others stay
 *    └──────────────────── stop ──▶ stopped ◀── stop ────────┘
 * ```
 *
 * The first node is started alone: it hosts the port mapper, if nobody else does, and owns the
 * counter, so that the others, which start together, find both.
 */
import { type Clock, systemClock } from '../clock.ts';
import { describeExit, type Exit, NodeProcess, type NodeProcessOptions } from './node-process.ts';
import type { PlannedNode } from './plan.ts';
import { httpProbe, type Probe } from './probe.ts';

/** The part of {@link NodeProcess} that matters here. */
export type NodeHandle = Pick<
  NodeProcess,
  'node' | 'pid' | 'exited' | 'hasStarted' | 'isStopping' | 'lastWords' | 'stop' | 'kill'
>;

export interface LocalClusterOptions {
  readonly nodes: readonly PlannedNode[];
  /** the built program */
  readonly program: string;
  /** progress, and what happens later, one line each */
  readonly say: (line: string) => void;
  /** what a node writes */
  readonly onLine: (node: PlannedNode, line: string) => void;
  /** gives up the start */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly probe?: Probe;
  readonly startProcess?: (options: NodeProcessOptions) => NodeHandle;
}

/** The cluster could not be started; the message says which node and why. */
export class ClusterStartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ClusterStartError';
  }
}

const PROBE_INTERVAL_MS = 100;
/** For the whole start: a fixed part, and one for each node, as they share the machine. */
const START_TIMEOUT_MS = 30_000;
const START_TIMEOUT_PER_NODE_MS = 3_000;

export class LocalCluster {
  readonly #options: LocalClusterOptions;
  readonly #clock: Clock;
  readonly #probe: Probe;
  readonly #processes: NodeHandle[] = [];
  /** ends of nodes that nobody asked for, while starting */
  readonly #failure = new AbortController();
  #isStarting = true;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#probe = options.probe ?? httpProbe;
  }

  /** The nodes' processes, in order. */
  get processes(): readonly NodeHandle[] {
    return this.#processes;
  }

  /** Settles when every process has ended. To be asked for after {@link start}. */
  get ended(): Promise<unknown> {
    return Promise.all(this.#processes.map(({ exited }) => exited));
  }

  /**
   * Starts all nodes. Whoever calls it calls {@link stop} when it rejects.
   *
   * @throws {ClusterStartError} when a node ends or the cluster is not complete in time
   * @throws the signal's reason when aborted
   */
  async start(): Promise<void> {
    const { nodes, say, signal } = this.#options;
    const timeoutMs = START_TIMEOUT_MS + nodes.length * START_TIMEOUT_PER_NODE_MS;
    const deadline = this.#clock.now() + timeoutMs;
    const over = AbortSignal.any([signal, this.#failure.signal]);
    const [first, ...others] = nodes;
    for (const group of [first === undefined ? [] : [first], others]) {
      over.throwIfAborted();
      const processes = group.map((node) => this.#spawn(node));
      await Promise.all(processes.map((process) => this.#isUp(process, deadline, over)));
    }
    for (const node of nodes) await this.#seesAll(node, deadline, over);
    if (nodes.length > 1) say(`all ${nodes.length} nodes see each other`);
    for (const node of nodes) await this.#counts(node, deadline, over);
    over.throwIfAborted();
    this.#isStarting = false;
    say('the counter answers on every node');
  }

  /**
   * Ends all nodes in order, by force if they do not; the first one last, as the others are
   * registered with it. Resolves when they have ended.
   */
  async stop(): Promise<void> {
    const [first, ...others] = this.#processes;
    await Promise.all(others.map((process) => process.stop()));
    await first?.stop();
  }

  /** Ends all nodes at once. */
  kill(): void {
    for (const process of this.#processes) process.kill();
  }

  #spawn(node: PlannedNode): NodeHandle {
    const { program, say, onLine, startProcess = (all) => new NodeProcess(all) } = this.#options;
    say(`starting ${node.name}`);
    const process = startProcess({ node, program, onLine: (line) => onLine(node, line) });
    this.#processes.push(process);
    void process.exited.then((exit) => this.#onExit(process, exit));
    return process;
  }

  #onExit({ node, isStopping, lastWords }: NodeHandle, exit: Exit): void {
    if (isStopping) return;
    const what = `${node.name} has ended ${describeExit(exit)}`;
    if (!this.#isStarting) this.#options.say(what);
    else {
      const why = lastWords === '' ? what : `${what}:\n${lastWords}`;
      this.#failure.abort(new ClusterStartError(why));
    }
  }

  async #isUp(process: NodeHandle, deadline: number, over: AbortSignal): Promise<void> {
    const { node } = process;
    // Asking at its address would not do: a node of another cluster, of the same name, may answer.
    await this.#until(deadline, over, `${node.name} to serve ${node.url}`, async () => {
      return process.hasStarted;
    });
    this.#options.say(`${node.name} serves ${node.url}`);
  }

  #seesAll(node: PlannedNode, deadline: number, over: AbortSignal): Promise<void> {
    const { length } = this.#options.nodes;
    return this.#until(deadline, over, `${node.name} to see all ${length} nodes`, async () => {
      const total = await this.#probe.nodes(node.url);
      return total !== undefined && total >= length;
    });
  }

  #counts(node: PlannedNode, deadline: number, over: AbortSignal): Promise<void> {
    return this.#until(deadline, over, `the counter to answer on ${node.name}`, async () => {
      return (await this.#probe.count(node.url)) !== undefined;
    });
  }

  async #until(
    deadline: number,
    over: AbortSignal,
    what: string,
    check: () => Promise<boolean>,
  ): Promise<void> {
    for (;;) {
      over.throwIfAborted();
      if (await check()) return;
      if (this.#clock.now() > deadline) {
        throw new ClusterStartError(`waited too long for ${what}`);
      }
      await this.#pause(over);
    }
  }

  #pause(over: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const resume = (): void => {
        cancel();
        over.removeEventListener('abort', resume);
        resolve();
      };
      const cancel = this.#clock.setTimer(PROBE_INTERVAL_MS, resume);
      over.addEventListener('abort', resume);
    });
  }
}
