/** What a singleton asks of its user: what there is to be one of, and how patient it is to be. */
import type { Clock } from '../clock.ts';
import type { Atom, DistributedNode, GenServer, Pid, Term } from '../distribution/index.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** What there is to be exactly one of. */
export interface SingletonRole {
  /** Makes the server of the owner; its `init` runs when the states are merged. */
  createServer(singleton: SingletonServices): GenServer;
  /** All that this node knows. */
  exportState(): Term;
  /** Takes in what another node knows. @returns false if it is not understood */
  mergeState(state: Term, from: string): boolean;
  /** Resolves when the server has finished what it has begun by now, and its state says so. */
  suspend?(): Promise<void>;
}

/** What the owner's server may ask of its singleton. */
export interface SingletonServices {
  /** Whether this node's server owns the name and answers. */
  readonly isOwner: boolean;
  /**
   * Sends a state, or a part of one, to one other member; resolves when it has it, or when there is no
   * other member. A member that is slow is not waited for if there is another.
   */
  replicate(state: Term): Promise<void>;
  /**
   * Whether all that other owners answered is known here: those that the caller names, and those that
   * members have told of.
   *
   * @returns `undefined` if so; otherwise it resolves as soon as it may be, and no later than
   *   {@link SingletonTiming.reconcileMs} after there was word of the owner that is missing
   */
  reconciled(formerOwners: readonly Pid[]): Promise<void> | undefined;
}

export interface SingletonOptions {
  readonly node: Pick<DistributedNode, 'local' | 'client' | 'global'>;
  /** the global name */
  readonly name: Atom;
  /** the local name of the member process */
  readonly memberName: string;
  readonly role: SingletonRole;
  readonly telemetry?: Telemetry | undefined;
  /** prefix of the telemetry events */
  readonly event: string;
  readonly clock?: Clock;
  readonly timing?: Partial<SingletonTiming>;
}

/** How patient a singleton is; milliseconds. */
export interface SingletonTiming {
  /** how much later each further member tries to register the name */
  readonly staggerMs: number;
  /** longest wait for the other members at the start */
  readonly greetMs: number;
  /** longest wait of a new owner for the members' states */
  readonly collectMs: number;
  /** longest wait for a member to keep a state, before another is asked too */
  readonly replicateMs: number;
  /** longest wait for each member that is to take over, and for the name to change hands */
  readonly handOffMs: number;
  /** longest wait of {@link SingletonServices.reconciled} for what one node knows */
  readonly reconcileMs: number;
}

/** Why a singleton has ended on this node. */
export type SingletonExit =
  | { readonly type: 'shutdown' }
  | { readonly type: 'error'; readonly error: unknown };
