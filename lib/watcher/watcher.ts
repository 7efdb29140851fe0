/**
 * Looks at a deployment from outside, as a client sees it, at an interval: which node answers, how many
 * nodes it sees, and where the counter stands. One look ends before the next begins.
 */
import { counter, nodes } from '../check/endpoints.ts';
import type { Visitor } from '../check/visitor.ts';
import { type Clock, systemClock } from '../clock.ts';

/** What a look has seen. */
export type Sight =
  | { readonly type: 'seen'; readonly node: string; readonly nodes: number; readonly count: bigint }
  | { readonly type: 'failed'; readonly error: Error };

export interface WatcherOptions {
  readonly visitor: Visitor;
  /** between the end of a look and the next; default a minute */
  readonly intervalMs?: number;
  readonly clock?: Clock;
  readonly onSight: (sight: Sight) => void;
}

export class Watcher {
  readonly #options: Required<WatcherOptions>;
  #cancel: () => void = () => {};
  #isStopped = false;

  constructor(options: WatcherOptions) {
    this.#options = { intervalMs: 60_000, clock: systemClock, ...options };
  }

  /** Has a look now, and from then on at the interval. Resolves after the first. Never rejects. */
  async start(): Promise<void> {
    const sight = await this.#look();
    if (this.#isStopped) return;
    this.#options.onSight(sight);
    const { clock, intervalMs } = this.#options;
    this.#cancel = clock.setTimer(intervalMs, () => void this.start());
  }

  /** No look begins any more, and what one under way sees is not told. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #look(): Promise<Sight> {
    const { visitor } = this.#options;
    try {
      const { body: cluster } = await visitor.json('/nodes', nodes);
      const { body: counted } = await visitor.json('/counter', counter);
      const { current_node: node, total_nodes: total } = cluster;
      return { type: 'seen', node, nodes: total, count: counted.count };
    } catch (error) {
      return { type: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    }
  }
}
