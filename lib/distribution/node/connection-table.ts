/**
 * Which connection, or attempt at one, we have with each node, and what to answer when a node
 * dials us while we already have one. Pure bookkeeping: closing sockets is the caller's part.
 *
 * ```
 *             dial / inbound `ok`                 established
 *   (none) ─────────────────────────▶ pending ─────────────────▶ up ⇄ up + challenger
 *      ▲                                 │ failed                 │ closed
 *      └─────────────────────────────────┴────────────────────────┘
 * ```
 *
 * A challenger is an inbound attempt while we are up: the peer may have restarted without our
 * noticing. It replaces the old connection only after its digest was verified.
 *
 * Source: OTP `net_kernel.erl`, `accept_pending`.
 */
import { compareNodeNames } from '../terms/pid.ts';

/** What to answer a peer that connects; `refuse` closes without a word. */
export type InboundDecision = 'ok' | 'ok_simultaneous' | 'nok' | 'alive' | 'refuse';

/** A node with which a connection is being made. */
export interface PendingSlot<Attempt> {
  readonly state: 'pending';
  attempt: Attempt;
}

/** A connected node; `challenger` is an attempt of the peer that thinks the connection lost. */
export interface UpSlot<Attempt, Connection> {
  readonly state: 'up';
  readonly connection: Connection;
  challenger: Attempt | undefined;
}

/** What the table holds of a node. */
export type Slot<Attempt, Connection> = PendingSlot<Attempt> | UpSlot<Attempt, Connection>;

export class ConnectionTable<Attempt, Connection> {
  readonly #ownName: string;
  readonly #slots = new Map<string, Slot<Attempt, Connection>>();

  constructor(ownName: string) {
    this.#ownName = ownName;
  }

  get(node: string): Slot<Attempt, Connection> | undefined {
    return this.#slots.get(node);
  }

  /** The connection that is up with `node`. */
  connection(node: string): Connection | undefined {
    const slot = this.#slots.get(node);
    return slot?.state === 'up' ? slot.connection : undefined;
  }

  *connections(): Generator<Connection> {
    for (const slot of this.#slots.values()) if (slot.state === 'up') yield slot.connection;
  }

  *attempts(): Generator<Attempt> {
    for (const slot of this.#slots.values()) {
      if (slot.state === 'pending') yield slot.attempt;
      else if (slot.challenger !== undefined) yield slot.challenger;
    }
  }

  /** Enters our own attempt. The caller has checked that there is no slot for `node`. */
  addOutbound(node: string, attempt: Attempt): void {
    this.#slots.set(node, { state: 'pending', attempt });
  }

  /**
   * Decides on an inbound attempt of `peer` and enters it where the decision is `ok`,
   * `ok_simultaneous` or `alive`. With `ok_simultaneous` the attempt that it replaces is returned
   * for the caller to abort.
   */
  decideInbound(peer: string, attempt: Attempt): { decision: InboundDecision; replaced?: Attempt } {
    if (peer === this.#ownName) return { decision: 'nok' };
    const slot = this.#slots.get(peer);
    if (slot === undefined) {
      this.#slots.set(peer, { state: 'pending', attempt });
      return { decision: 'ok' };
    }
    if (slot.state === 'pending') {
      if (compareNodeNames(this.#ownName, peer) > 0) return { decision: 'nok' };
      const replaced = slot.attempt;
      slot.attempt = attempt;
      return { decision: 'ok_simultaneous', replaced };
    }
    if (slot.challenger !== undefined) return { decision: 'refuse' };
    slot.challenger = attempt;
    return { decision: 'alive' };
  }

  /** Whether `attempt` is still the one that may come up with `node`. */
  isCurrent(node: string, attempt: Attempt): boolean {
    const slot = this.#slots.get(node);
    if (slot === undefined) return false;
    return slot.state === 'pending' ? slot.attempt === attempt : slot.challenger === attempt;
  }

  /** `attempt` succeeded; a connection that was up before has been removed by the caller. */
  up(node: string, connection: Connection): void {
    this.#slots.set(node, { state: 'up', connection, challenger: undefined });
  }

  /**
   * `attempt` ended without coming up.
   *
   * @returns whether `node` has no slot any more because of that
   */
  attemptFailed(node: string, attempt: Attempt): boolean {
    const slot = this.#slots.get(node);
    if (slot === undefined) return false;
    if (slot.state === 'up') {
      if (slot.challenger === attempt) slot.challenger = undefined;
      return false;
    }
    if (slot.attempt !== attempt) return false;
    this.#slots.delete(node);
    return true;
  }

  /**
   * `connection` ended. A challenger stays as the pending attempt: it may still come up.
   *
   * @returns whether it was the current connection of `node`
   */
  down(node: string, connection: Connection): boolean {
    const slot = this.#slots.get(node);
    if (slot?.state !== 'up' || slot.connection !== connection) return false;
    if (slot.challenger === undefined) this.#slots.delete(node);
    else this.#slots.set(node, { state: 'pending', attempt: slot.challenger });
    return true;
  }
}
