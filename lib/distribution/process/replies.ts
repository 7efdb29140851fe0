import type { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import type { Term } from '../terms/term.ts';
import { ReferenceMap } from './reference-map.ts';

/** A process that waits for replies. */
export interface Waiting {
  readonly pid: Pid;
}

/** Takes what comes under one reference, before it would reach the mailbox of its process. */
export interface ReplySlot {
  /** the process that waits */
  readonly caller: Waiting;
  /** a message through the alias that the reference is, or one to the process that carries it */
  onMessage(message: Term): void;
  /** the process that waits has ended itself */
  onExit(reason: Term): void;
}

/**
 * The replies that the processes of one node wait for. Each reference is an alias that leads to its slot
 * without a detour by the mailbox; once it is closed, late replies are dropped. Pure bookkeeping.
 */
export class Replies {
  readonly #slots = new ReferenceMap<ReplySlot>();

  get size(): number {
    return this.#slots.size;
  }

  open(ref: Reference, slot: ReplySlot): void {
    this.#slots.set(ref, slot);
  }

  find(ref: Reference): ReplySlot | undefined {
    return this.#slots.get(ref);
  }

  /** @returns whether it was open */
  close(ref: Reference): boolean {
    return this.#slots.delete(ref) !== undefined;
  }

  /** A process has ended. @returns the slots it waited with; they close themselves */
  of(caller: Waiting): ReplySlot[] {
    return [...this.#slots.values()].filter((slot) => slot.caller === caller);
  }
}
