import type { NodeEvent } from './cluster-node.ts';

/** Listeners for nodeup and nodedown, called in the order in which they were added. */
export class NodeListeners {
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  readonly #onFailure: (error: unknown) => void;

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
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#onFailure(error);
      }
    }
  }
}
