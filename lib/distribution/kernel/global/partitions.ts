/**
 * Overlapping partitions, in which a and b see c but not each other, would let one name mean two
 * processes for good. Since OTP 25 `global` prevents them: who loses a connection accuses the lost
 * node before all others, and who hears an accusation lets go of the accused too.
 *
 * We receive, forward and obey. Sending accusations of our own is off unless asked for: when we
 * lose a BEAM node that lives, it accuses us, so the partitions stay consistent either way, while a
 * wrong accusation by us (a stalled event loop, sockets closed one after the other) would make
 * healthy nodes cut each other.
 *
 * Pure: decides, and leaves sending and disconnecting to the server.
 *
 * @see OTP `global`, lost_connection and remove_connection; reference 7.9
 */
import type { GlobalInfo } from './messages/infos.ts';
import type { Tag } from './messages/protocol.ts';

/** A node tells the others that it has lost its connection with one of them. */
export type LostConnection = GlobalInfo & { readonly type: 'lost_connection' };

/** An accusation is forgotten after this time. */
export const LOST_CONNECTION_MEMORY_MS = 3_600_000;

interface Remembered {
  readonly extendedCreation: Tag;
  readonly operationId: Tag;
  readonly atMs: number;
}

/** What an accusation asks us to do. */
export interface Verdict {
  /** forward the accusation to all known and pending nodes but its sender */
  readonly forward: boolean;
  /** ask this node to drop its connection to us, and forget it */
  readonly remove: string | undefined;
}

export class Partitions {
  readonly #node: string;
  readonly #now: () => number;
  readonly #extendedCreation: bigint;
  readonly #seen = new Map<string, Remembered>();
  readonly #removing = new Set<string>();
  #lastOperationId = 0;

  /**
   * @param creation of our node
   * @param randomBits 27 random bits, which tell incarnations of a node apart that reuse a creation
   */
  constructor(node: string, creation: number, randomBits: number, now: () => number) {
    this.#node = node;
    this.#now = now;
    this.#extendedCreation = (BigInt(randomBits) << 32n) + BigInt(creation);
  }

  /** Judges an accusation. `isKnown` says whether a node is known or pending. */
  accused(message: LostConnection, isKnown: (node: string) => boolean): Verdict {
    if (this.#isOld(message)) return { forward: false, remove: undefined };
    const target = message.lost === this.#node ? message.node : message.lost;
    return { forward: true, remove: isKnown(target) ? target : undefined };
  }

  /** The connection is about to go by our own decision: its end is nobody's fault. */
  markRemoving(node: string): void {
    this.#removing.add(node);
  }

  /** A connection has come up: whatever was said of the former one is settled. */
  nodeup(node: string): void {
    this.#removing.delete(node);
  }

  /**
   * A connection is lost.
   *
   * @returns the accusation to send to all known and pending nodes, if accusing is in order
   */
  nodedown(node: string, accuse: boolean): LostConnection | undefined {
    if (this.#removing.delete(node) || !accuse) return undefined;
    this.#lastOperationId += 1;
    return {
      type: 'lost_connection',
      node: this.#node,
      extendedCreation: this.#extendedCreation,
      operationId: this.#lastOperationId,
      lost: node,
    };
  }

  /** Remembers the accusation, unless the same or a later one of that sender is known already. */
  #isOld({ node, lost, extendedCreation, operationId }: LostConnection): boolean {
    const nowMs = this.#now();
    const key = `${node}\n${lost}`;
    const seen = this.#seen.get(key);
    if (
      seen !== undefined &&
      nowMs - seen.atMs < LOST_CONNECTION_MEMORY_MS &&
      BigInt(seen.extendedCreation) === BigInt(extendedCreation) &&
      operationId <= seen.operationId
    ) {
      return true;
    }
    this.#forgetExpired(nowMs);
    // Re-inserting keeps the map in the order of time.
    this.#seen.delete(key);
    this.#seen.set(key, { extendedCreation, operationId, atMs: nowMs });
    return false;
  }

  #forgetExpired(nowMs: number): void {
    for (const [key, { atMs }] of this.#seen) {
      if (nowMs - atMs < LOST_CONNECTION_MEMORY_MS) return;
      this.#seen.delete(key);
    }
  }
}
