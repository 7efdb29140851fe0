/**
 * The locker serialises the meetings of partitions: before two nodes exchange their names, both
 * hold the lock `global`, under one and the same lock id, on every node of both partitions.
 *
 * ```
 *          pause over: pick a candidate            granted: send lock_set(true)
 *   idle ────────────────────────────▶ locking ─────────────────────────────▶ waiting (active)
 *    ▲ │                                  │ ▲                                      │ lock_set(true)
 *    │ └── lock_set(true) of a candidate ─┼─┘                                      ▼
 *    │                                    └── granted (passive) ───────────────▶ holding
 *    └────────────────────────── releasing ◀── refused, lock_set(false), cancel, finish ──┘
 * ```
 *
 * From `locking` to the end of `holding` there is {@link SESSION_LIMIT_MS}.
 *
 * Both sides usually become active at the same moment; since they use the same lock id, both
 * succeed. Everything that a node says while another node is being worked on waits for its turn.
 *
 * @see OTP `global`, loop_the_locker/1, lock_nodes_safely/3; reference 7.7
 */

import { hostOf } from '../../../node-name.ts';
import { atom } from '../../terms/atom.ts';
import { comparePids, type Pid } from '../../terms/pid.ts';
import { boss } from './boss.ts';
import { type LockId, sameTag, type Tag } from './messages/protocol.ts';

/** A node whose names we do not share yet. */
export interface Candidate {
  readonly node: string;
  readonly version: number;
  /** the peer's locker */
  readonly locker: Pid;
  readonly myTag: Tag;
  readonly peerTag: Tag;
}

/** A peer's locker says whether it holds the lock. */
export interface LockSet {
  readonly locker: Pid;
  readonly granted: boolean;
  readonly tag: Tag | undefined;
}

/** What the locker needs of the server and the network. */
export interface LockerHost {
  readonly node: string;
  /** our locker process, under whose pid the locks are held */
  readonly pid: Pid;
  known(): readonly string[];
  /** whether any requester holds the resource `global` on this node */
  globalIsLocked(): boolean;
  /** whether this node would grant the lock now */
  canSetLock(lock: LockId): boolean;
  /**
   * Asks all `nodes` (this one may be among them) for the lock, once. Resolves to whether none of
   * them refused; if one did, those that granted it have been told to let go. A node that is down
   * counts as absent.
   */
  setLock(lock: LockId, nodes: readonly string[]): Promise<boolean>;
  /** Tells all `nodes` to let go; resolves when they have. */
  delLock(lock: LockId, nodes: readonly string[]): Promise<void>;
  sendLockSet(to: Candidate, granted: boolean): void;
  /** Refuses a peer that is no candidate, for which no tag is known. */
  refuse(locker: Pid): void;
  /** Both sides hold the lock for the session with `node`. May call {@link Locker.finish}. */
  lockIsSet(node: string, myTag: Tag, lock: LockId): void;
  /** The session with `node` takes too long: it is to be cancelled, which lets the lock go. */
  giveUp(node: string, myTag: Tag): void;
  setTimer(delayMs: number, callback: () => void): () => void;
  random(): number;
  /** An attempt ended in an error: a bug, or our process has ended. */
  failed(error: unknown): void;
}

/** The time between two attempts, as a function of how many nodes are known. */
export type LockerPause = (knownCount: number) => number;

/** OTP's pause: alone we are quick, in a mesh the many lockers must not get in each other's way. */
export const otpLockerPause: LockerPause = (knownCount) =>
  knownCount === 0 ? 200 : Math.min(1000 + 100 * knownCount, 3000);

/**
 * The time from the first lock to the last step of a session. OTP has no such limit, and a peer that
 * falls silent half-way stops all registrations on all nodes that the lock is held on.
 */
export const SESSION_LIMIT_MS = 30_000;

type State =
  | { readonly type: 'idle' }
  | {
      readonly type: 'locking';
      readonly candidate: Candidate;
      readonly active: boolean;
      cancelled: boolean;
    }
  | {
      readonly type: 'waiting' | 'holding';
      readonly candidate: Candidate;
      readonly lock: LockId;
      readonly nodes: readonly string[];
    }
  | { readonly type: 'releasing' }
  | { readonly type: 'stopped' };

const IDLE: State = { type: 'idle' };
const GLOBAL = atom('global');

export class Locker {
  readonly #host: LockerHost;
  readonly #pause: LockerPause;
  readonly #candidates = new Map<string, Candidate>();
  #queue: LockSet[] = [];
  #state: State = IDLE;
  #justSynced = false;
  #cancelTimer: (() => void) | undefined;
  #cancelDeadline: (() => void) | undefined;

  constructor(host: LockerHost, pause: LockerPause = otpLockerPause) {
    this.#host = host;
    this.#pause = pause;
  }

  /** What the locker does now, for inspection. */
  get state(): State['type'] {
    return this.#state.type;
  }

  /** Offers a node to synchronise with. A node is a candidate once; a new offer replaces the old. */
  add(candidate: Candidate): void {
    this.#candidates.set(candidate.node, candidate);
    this.#continue();
  }

  /** The session is over without success: forget the node and let go of its locks. */
  cancel(node: string, myTag: Tag): void {
    this.#end(node, myTag, undefined);
  }

  /**
   * The session has succeeded. `announce` runs before the first lock is let go, so that what it
   * sends reaches every node before the release.
   */
  finish(node: string, myTag: Tag, announce: () => void): void {
    this.#justSynced = true;
    this.#end(node, myTag, announce);
  }

  /** A peer's locker has spoken; a tag must have been found to be the current one. */
  lockSet(message: LockSet): void {
    this.#queue.push(message);
    this.#continue();
  }

  /** Ends all activity. What is held is released by the end of the process that holds it. */
  stop(): void {
    this.#state = { type: 'stopped' };
    this.#candidates.clear();
    this.#queue = [];
    this.#stopTimer();
    this.#cancelDeadline?.();
  }

  #end(node: string, myTag: Tag, announce: (() => void) | undefined): void {
    const state = this.#state;
    if (sameTag(this.#candidates.get(node)?.myTag, myTag)) this.#candidates.delete(node);
    const concerned =
      'candidate' in state &&
      state.candidate.node === node &&
      sameTag(state.candidate.myTag, myTag);
    if (concerned && state.type === 'locking') {
      // The lock may already be granted somewhere; let go when all answers are in.
      state.cancelled = true;
      return;
    }
    announce?.();
    if (concerned && (state.type === 'waiting' || state.type === 'holding')) {
      this.#release(state.lock, state.nodes);
    }
  }

  /** Goes on as far as possible: what peers said first, then the pause before our own attempt. */
  #continue(): void {
    while (this.#step()) {
      // each step changes the state or shortens the queue
    }
    if (this.#state.type === 'idle' && this.#candidates.size > 0) this.#startTimer();
    else this.#stopTimer();
  }

  #step(): boolean {
    if (this.#state.type === 'idle') return this.#answerNext();
    if (this.#state.type === 'waiting') return this.#hearAwaited(this.#state);
    return false;
  }

  /** Idle: the oldest message makes us passive for its sender, or is refused. */
  #answerNext(): boolean {
    const message = this.#queue.shift();
    if (message === undefined) return false;
    if (!message.granted) return true;
    const candidate = this.#candidates.get(message.locker.node);
    if (candidate === undefined) {
      this.#host.refuse(message.locker);
      return true;
    }
    if (!addressed(message, candidate)) return true;
    this.#start({ ...candidate, locker: message.locker }, false);
    return true;
  }

  /** Active, our part done: the awaited peer's message decides; other peers' messages stay. */
  #hearAwaited(state: State & { readonly type: 'waiting' | 'holding' }): boolean {
    const { candidate, lock, nodes } = state;
    const index = this.#queue.findIndex(({ locker }) => locker.node === candidate.node);
    const [message] = index < 0 ? [] : this.#queue.splice(index, 1);
    if (message === undefined) return false;
    if (!addressed(message, candidate)) return true;
    if (message.granted) this.#hold(candidate, lock, nodes);
    else this.#release(lock, nodes);
    return true;
  }

  /** The pause is over. */
  #attempt(): void {
    if (this.#state.type !== 'idle') return;
    this.#justSynced = false;
    const known = new Set(this.#host.known());
    for (const node of this.#candidates.keys()) {
      if (known.has(node)) this.#candidates.delete(node);
    }
    const candidate = this.#host.globalIsLocked() ? undefined : this.#pick();
    if (candidate !== undefined) this.#start(candidate, true);
    else this.#continue();
  }

  /** Nodes of our own host first, as OTP does; among them at random. */
  #pick(): Candidate | undefined {
    const all = [...this.#candidates.values()];
    const near = all.filter(({ node }) => hostOf(node) === hostOf(this.#host.node));
    const choice = near.length > 0 ? near : all;
    return choice[Math.floor(this.#host.random() * choice.length)];
  }

  #start(candidate: Candidate, active: boolean): void {
    const { node, myTag } = candidate;
    this.#cancelDeadline?.();
    this.#cancelDeadline = this.#host.setTimer(SESSION_LIMIT_MS, () =>
      this.#host.giveUp(node, myTag),
    );
    this.#lock(candidate, active).catch((error: unknown) => this.#host.failed(error));
  }

  async #lock(candidate: Candidate, active: boolean): Promise<void> {
    const state: State = { type: 'locking', candidate, active, cancelled: false };
    this.#state = state;
    this.#stopTimer();
    const lock = lockIdOf(this.#host.pid, candidate.locker);
    const nodes = await this.#lockSafely(lock, active ? [candidate.node] : []);
    if (this.#state !== state) return;
    if (!active) this.#host.sendLockSet(candidate, nodes !== undefined && !state.cancelled);
    if (nodes === undefined) return this.#becomeIdle();
    if (state.cancelled) return this.#release(lock, nodes);
    if (!active) return this.#hold(candidate, lock, nodes);
    this.#host.sendLockSet(candidate, true);
    this.#state = { type: 'waiting', candidate, lock, nodes };
    this.#continue();
  }

  /**
   * Takes the lock on this node, the peer (`extra`) and all known nodes. The boss comes first: of
   * several lockers that contend, all but one fail there and hold nothing that others need.
   *
   * @returns the nodes that hold it now, `undefined` if one refused
   */
  async #lockSafely(lock: LockId, extra: readonly string[]): Promise<string[] | undefined> {
    const host = this.#host;
    const first = boss([host.node, ...host.known()]);
    if (first !== host.node && !host.canSetLock(lock)) return undefined;
    if (!(await host.setLock(lock, [first]))) return undefined;
    const second = [host.node, ...extra].filter((node) => node !== first);
    if (!(await host.setLock(lock, second))) {
      await host.delLock(lock, [first]);
      return undefined;
    }
    const known = host.known();
    const taken = new Set([first, ...second]);
    const third = known.filter((node) => !taken.has(node));
    if (!(await host.setLock(lock, third))) {
      await host.delLock(lock, [...taken]);
      return undefined;
    }
    return [...taken, ...third];
  }

  #hold(candidate: Candidate, lock: LockId, nodes: readonly string[]): void {
    this.#state = { type: 'holding', candidate, lock, nodes };
    this.#host.lockIsSet(candidate.node, candidate.myTag, lock);
  }

  #release(lock: LockId, nodes: readonly string[]): void {
    const state: State = { type: 'releasing' };
    this.#state = state;
    this.#cancelDeadline?.();
    const last = boss(nodes);
    const others = nodes.filter((node) => node !== last);
    const host = this.#host;
    const released =
      others.length === 0
        ? host.delLock(lock, [last])
        : host.delLock(lock, others).then(() => host.delLock(lock, [last]));
    released.then(
      () => {
        if (this.#state === state) this.#becomeIdle();
      },
      (error: unknown) => host.failed(error),
    );
  }

  #becomeIdle(): void {
    this.#state = IDLE;
    this.#cancelDeadline?.();
    this.#continue();
  }

  #startTimer(): void {
    if (this.#cancelTimer !== undefined) return;
    const delayMs = this.#justSynced ? 0 : this.#pause(this.#host.known().length);
    this.#cancelTimer = this.#host.setTimer(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#attempt();
    });
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}

/** The lock id is the same on both sides, so that a node of both partitions is locked once. */
export function lockIdOf(mine: Pid, theirs: Pid): LockId {
  return { resource: GLOBAL, requester: [mine, theirs].sort(comparePids) };
}

/** Version 7 sends no tag. */
function addressed(message: LockSet, candidate: Candidate): boolean {
  return message.tag === undefined || sameTag(message.tag, candidate.myTag);
}
