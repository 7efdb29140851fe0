/**
 * The names an embedded mapper holds, and the creation each gets. Pure: no sockets, no clock.
 *
 * Creations follow OTP's epmd: a random start for a name that is new, one more on each registration
 * of the same name, never below 4 (0 to 3 are what nodes before OTP 23 use). The random start keeps
 * incarnations apart even when another mapper counted the last one.
 */
import type { EpmdEntry } from './messages.ts';

/** Registered names at the same time. */
export const MAX_NAMES = 255;
/** Names whose last creation is remembered, the least recently registered forgotten first. */
export const MAX_REMEMBERED_CREATIONS = 1024;
const SMALLEST_CREATION = 4;
const LARGEST_CREATION = 0xffff_ffff;

/** Registered names with their entries, and the creations given so far. */
export class EpmdRegistry {
  readonly #entries = new Map<string, EpmdEntry>();
  readonly #lastCreations = new Map<string, number>();
  readonly #random: () => number;

  /** @param random from 0 to below 1, as `Math.random` */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** @returns the creation, or `undefined` if the name is taken or there are too many */
  register(entry: EpmdEntry): number | undefined {
    if (this.#entries.has(entry.name) || this.#entries.size >= MAX_NAMES) return undefined;
    this.#entries.set(entry.name, entry);
    return this.#nextCreation(entry.name);
  }

  unregister(name: string): void {
    this.#entries.delete(name);
  }

  get(name: string): EpmdEntry | undefined {
    return this.#entries.get(name);
  }

  entries(): readonly EpmdEntry[] {
    return [...this.#entries.values()];
  }

  #nextCreation(name: string): number {
    const last = this.#lastCreations.get(name);
    const creation = last === undefined ? this.#randomCreation() : successor(last);
    // Deleted first, so that the map stays in the order of registration.
    this.#lastCreations.delete(name);
    this.#lastCreations.set(name, creation);
    if (this.#lastCreations.size > MAX_REMEMBERED_CREATIONS) {
      for (const oldest of this.#lastCreations.keys()) {
        if (this.#entries.has(oldest)) continue;
        this.#lastCreations.delete(oldest);
        break;
      }
    }
    return creation;
  }

  #randomCreation(): number {
    const choices = LARGEST_CREATION - SMALLEST_CREATION + 1;
    return SMALLEST_CREATION + Math.floor(this.#random() * choices);
  }
}

function successor(creation: number): number {
  return creation >= LARGEST_CREATION ? SMALLEST_CREATION : creation + 1;
}

/** The 2-bit creation, 1 to 3, of a node whose highest version is below 6. */
export function narrowCreation(creation: number): number {
  return (creation % 3) + 1;
}
