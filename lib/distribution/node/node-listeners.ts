import type { NodeEvent } from './cluster-node.ts';

/**
 * Listeners for nodeup and nodedown, called in the order in which they were added. An event that a
 * listener brings about, as when it disconnects on nodeup, waits until all have heard the current
 * one: otherwise those behind it would hear nodedown before nodeup, and keep a node that is gone.
 */
export class NodeListeners {
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  readonly #onFailure: (error: unknown) => void;
  readonly #queue: NodeEvent[] = [];
  #emitting = false;

  /** @param onFailure hears of a listener that threw; the others are called all the same */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  add(listener: (event: NodeEvent) => void): () => void {
    // A wrapper of its own makes the same function, added twice, two listeners.
    const entry = (event: NodeEvent): void => listener(event);
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  emit(event: NodeEvent): void {
    this.#queue.push(event);
    if (this.#emitting) return;
    this.#emitting = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#callAll(next);
    }
    this.#emitting = false;
  }

  #callAll(event: NodeEvent): void {
    for (const listener of [...this.#listeners]) {
      // An earlier listener may have removed it.
      if (!this.#listeners.has(listener)) continue;
      try {
        listener(event);
      } catch (error) {
        this.#onFailure(error);
      }
    }
  }
}
