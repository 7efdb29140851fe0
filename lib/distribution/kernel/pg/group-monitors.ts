import type { Pid } from '../../terms/pid.ts';
import type { Term } from '../../terms/term.ts';
import { termKey } from '../../terms/term-key.ts';

/** A change of a group; a process that has joined or left twice at once is listed twice. */
export interface GroupEvent {
  readonly type: 'join' | 'leave';
  readonly group: Term;
  readonly members: readonly Pid[];
}

/** Is told of a change. */
export type GroupListener = (event: GroupEvent) => void;

interface Monitor {
  /** `undefined` for every group */
  readonly groupKey: string | undefined;
  readonly listener: GroupListener;
  /** the number of the last event that was there before the monitor */
  readonly since: number;
}

/**
 * Who is told of changes. Events reach every listener in the order in which they happened: what a
 * listener brings about is told after the event that it is handling. A monitor hears of what happens
 * after it was made, and of nothing before.
 */
export class GroupMonitors {
  readonly #monitors = new Set<Monitor>();
  readonly #queue: { readonly number: number; readonly event: GroupEvent }[] = [];
  readonly #onFailure: (error: unknown) => void;
  #lastNumber = 0;
  #emitting = false;

  /** @param onFailure hears of a listener that threw; the others are called all the same */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /**
   * @param group `undefined` for all groups
   * @returns ends the monitor
   */
  add(group: Term | undefined, listener: GroupListener): () => void {
    const groupKey = group === undefined ? undefined : termKey(group);
    const monitor: Monitor = { groupKey, listener, since: this.#lastNumber };
    this.#monitors.add(monitor);
    return () => {
      this.#monitors.delete(monitor);
    };
  }

  emit(event: GroupEvent): void {
    if (event.members.length === 0) return;
    this.#lastNumber += 1;
    if (this.#monitors.size === 0) return;
    this.#queue.push({ number: this.#lastNumber, event });
    if (this.#emitting) return;
    this.#emitting = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#tellAll(next.number, next.event);
    }
    this.#emitting = false;
  }

  clear(): void {
    this.#monitors.clear();
  }

  #tellAll(number: number, event: GroupEvent): void {
    const key = termKey(event.group);
    for (const monitor of [...this.#monitors]) {
      const { groupKey, listener, since } = monitor;
      if (since >= number || (groupKey !== undefined && groupKey !== key)) continue;
      // An earlier listener may have ended it.
      if (!this.#monitors.has(monitor)) continue;
      try {
        listener(event);
      } catch (error) {
        this.#onFailure(error);
      }
    }
  }
}
