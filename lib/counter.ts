/**
 * The cluster's one counter, worth relying on: every increment that was answered counts exactly once,
 * across the death of any one node at a time, orderly restarts, and a split followed by its healing.
 *
 * It answers the calls `get` and `increment` (atoms) exactly as the Elixir module
 * `HelloDistributed.DistributedCounter` does, under that module's name, so either side can own it
 * and either side can call it.
 *
 * The parts: `counter/state.ts` is what is known and how it merges; `counter/replica.ts` brings this
 * node's increments to the owner; `counter/owner.ts` orders them; `singleton/` sees to it that there is
 * one owner, and that what is known outlives it; `counter/disk.ts` keeps it on disk.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';
import { add, type Count } from './counter/count.ts';
import { CounterDisk } from './counter/disk.ts';
import { decodeState, encodeState } from './counter/messages.ts';
import { CounterOwner } from './counter/owner.ts';
import {
  type CounterCallOptions,
  CounterReplica,
  type IncrementOptions,
} from './counter/replica.ts';
import { CounterState } from './counter/state.ts';
import {
  atom,
  CallError,
  type DistributedNode,
  type Pid,
  startGenServer,
  type Term,
} from './distribution/index.ts';
import {
  Singleton,
  type SingletonRole,
  type SingletonServices,
  type SingletonTiming,
} from './singleton/singleton.ts';
import type { Child } from './supervisor/child.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export type { CounterCallOptions, IncrementOptions } from './counter/replica.ts';

/** The atom under which the counter is registered, an Elixir module name. */
export const COUNTER_NAME = atom('Elixir.HelloDistributed.DistributedCounter');

/** Registered on every node whose counters understand batches, as long as the node lives. */
export const REPLICA_NAME = 'Elixir.HelloDistributed.CounterReplica';

/** The member of the singleton on each node. */
export const MEMBER_NAME = 'Elixir.HelloDistributed.CounterMember';

const PING = atom('ping');
const PONG = atom('pong');

/** How long a stop waits for the answers that are still to come; then they are left to the time-out. */
const SETTLE_MS = 1_000;

export interface CounterOptions {
  readonly node: Pick<DistributedNode, 'local' | 'client' | 'global'>;
  readonly telemetry?: Telemetry | undefined;
  /** where the state is kept on disk; without it, in memory only */
  readonly directory?: string | undefined;
  readonly clock?: Clock;
  /** milliseconds since 1970 */
  readonly now?: () => number;
  /** tells sessions apart that begin on one node on one day */
  readonly nonce?: () => string;
  readonly timing?: Partial<SingletonTiming>;
  /**
   * Called with the totals that clients may see, from `first` to `last`, on the node of the owner in the
   * order of the counting; where the owner is none of ours, on the node that it has answered.
   *
   * @param node the owner's
   */
  readonly onCount?: (first: Count, last: Count, node: string) => void;
  /** Called when this node's owner counts no more for now: another one goes on. */
  readonly onRest?: () => void;
}

const NOTHING = { watermarkDay: 0, base: 0, sessions: [], keys: [] } as const;

/** The counter as one node sees it. One per node. */
export class Counter {
  readonly #options: CounterOptions;
  readonly #state = new CounterState();
  readonly #replica: CounterReplica;
  readonly #disk: CounterDisk | undefined;
  readonly #now: () => number;
  #singleton: Singleton | undefined;
  /** those of the singleton, since it first made this node's counter serve */
  #services: SingletonServices | undefined;
  #loaded = false;
  /** the last owner that was asked what it understands */
  #judged: { readonly owner: Pid; readonly batches: boolean } | undefined;

  constructor(options: CounterOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    const { node, directory, clock } = options;
    const nodeName = node.local.name;
    this.#disk =
      directory === undefined
        ? undefined
        : new CounterDisk({
            ...{ directory, nodeName, now: this.#now },
            snapshot: () => this.#state.snapshot(),
          });
    const disk = this.#disk;
    this.#replica = new CounterReplica({
      nodeName,
      counterName: COUNTER_NAME,
      state: this.#state,
      client: node.client,
      global: node.global,
      understandsBatches: (owner) => this.#understandsBatches(owner),
      isReachable: (peer) => peer === nodeName || node.local.nodes().includes(peer),
      spread: async (keys) => this.#singleton?.spread(encodeState({ ...NOTHING, keys })),
      flush: disk === undefined ? undefined : () => disk.flush(),
      onForeignCount: (owner, count) => options.onCount?.(count, count, owner.node),
      ...(clock === undefined ? {} : { clock }),
      now: this.#now,
      nonce: options.nonce ?? (() => randomBytes(6).toString('hex')),
    });
  }

  /** Whether this node's counter is the one that counts. */
  get isOwner(): boolean {
    return this.#services?.isOwner === true;
  }

  /** The greatest total that this node has learnt of, without asking anybody. */
  get known(): Count {
    return this.#state.total;
  }

  /** The total. Waits for an owner if there is none. @throws {CallError} see {@link CounterReplica.get} */
  get(options?: CounterCallOptions): Promise<Count> {
    return this.#replica.get(options);
  }

  /**
   * Adds one; waits for an owner if there is none.
   *
   * @returns the total after it
   * @throws {CallError} see {@link CounterReplica.increment}
   */
  increment(options?: IncrementOptions): Promise<Count> {
    return this.#replica.increment(options);
  }

  /**
   * Takes part in the counter of the cluster: owns it, or stands by. Resolves when it has an owner. What
   * the child's `shutdown` does is told in {@link Singleton.stop}; its end by an error lets others own it.
   *
   * @throws {CounterDiskError} when the directory cannot be used
   */
  async start(): Promise<Child> {
    await this.#load();
    await this.#announce();
    const { node, telemetry, clock, timing } = this.#options;
    this.#replica.open();
    const singleton = await Singleton.start({
      node,
      name: COUNTER_NAME,
      memberName: MEMBER_NAME,
      event: 'counter.owner',
      role: this.#role(),
      telemetry,
      ...(clock === undefined ? {} : { clock }),
      ...(timing === undefined ? {} : { timing }),
    });
    this.#singleton = singleton;
    return {
      exited: singleton.exited,
      shutdown: () => void this.#stop(singleton),
      kill: () => {
        singleton.kill();
        this.#replica.close();
      },
    };
  }

  async #stop(singleton: Singleton): Promise<void> {
    await singleton.stop();
    // Calls of Elixir nodes that came here before the hand-off are answered by way of our replica.
    await this.#replica.settled(SETTLE_MS);
    this.#replica.close();
  }

  async #load(): Promise<void> {
    if (this.#disk === undefined || this.#loaded) return;
    const { snapshots, refused } = await this.#disk.load();
    for (const snapshot of snapshots) this.#state.merge(snapshot);
    for (const { path, keptAs, error } of refused) {
      this.#emit('counter.disk.refused', {}, { path, keptAs, error });
    }
    this.#loaded = true;
  }

  /** Says what this node understands, for as long as it lives. */
  async #announce(): Promise<void> {
    const { processes } = this.#options.node.local;
    if (processes.whereis(REPLICA_NAME) !== undefined) return;
    await startGenServer(
      processes,
      { handleCall: () => ({ reply: PONG }) },
      { name: REPLICA_NAME },
    );
  }

  #role(): SingletonRole {
    let owner: CounterOwner | undefined;
    return {
      createServer: (singleton) => {
        this.#services = singleton;
        owner = new CounterOwner({
          processes: this.#options.node.local.processes,
          state: this.#state,
          ownSession: () => this.#replica.session,
          increment: () => this.#replica.increment(),
          replicate: (state) => singleton.replicate(state),
          reconciled: (formerOwners) => singleton.reconciled(formerOwners),
          onGrowth: (before) => this.#grown(before),
          onEnd: () => this.#options.onRest?.(),
          now: this.#now,
        });
        return owner;
      },
      exportState: () => encodeState(this.#state.snapshot()),
      mergeState: (term, from) => this.#merge(term, from),
      suspend: async () => {
        await owner?.suspended();
        this.#options.onRest?.();
      },
    };
  }

  #grown(before: Count): void {
    const { total } = this.#state;
    if (total > before)
      this.#options.onCount?.(add(before, 1), total, this.#options.node.local.name);
  }

  #merge(term: Term, peer: string): boolean {
    const snapshot = decodeState(term);
    if (snapshot === undefined) return false;
    const { isOwner } = this;
    const added = this.#state.merge(snapshot, isOwner);
    if (isOwner && added > 0) {
      const { total } = this.#state;
      this.#options.onCount?.(total, total, this.#options.node.local.name);
      this.#emit(
        'counter.merged',
        { added: Number(added), total: Number(this.#state.total) },
        { peer },
      );
    }
    return true;
  }

  /**
   * Whether an owner is one of ours. Asked of its node, where the answer is a process that is there or
   * not; never of the owner itself, since an Elixir server may not survive a call it does not know.
   */
  async #understandsBatches(owner: Pid): Promise<boolean | undefined> {
    const { node } = this.#options;
    if (owner.node === node.local.name) return true;
    if (this.#judged?.owner.equals(owner) === true) return this.#judged.batches;
    try {
      await node.client.call({ name: REPLICA_NAME, node: owner.node }, PING);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (error.code !== 'noproc') return undefined;
      this.#judged = { owner, batches: false };
      return false;
    }
    this.#judged = { owner, batches: true };
    return true;
  }

  #emit(event: string, measurements: Record<string, number>, metadata: object): void {
    const { telemetry, node } = this.#options;
    telemetry?.execute(event, measurements, { node: node.local.name, ...metadata });
  }
}
