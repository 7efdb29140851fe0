/**
 * The events of the cluster, each once. Several nodes see one node go: their reports become one event that
 * names all who saw it. What comes twice, because it was told again to a node that joined, is dropped.
 */
import type { ClusterEvent } from './cluster-event.ts';

/** An event with everybody who reported it. */
export interface LoggedEvent extends Pick<ClusterEvent, 'id' | 'at' | 'type' | 'about' | 'detail'> {
  /** in the order of their reports */
  readonly nodes: readonly string[];
}

/** What several nodes see and report, each for itself. */
const SEEN_BY_SEVERAL: ReadonlySet<string> = new Set(['nodeup', 'nodedown', 'conflict']);

/**
 * Reports of one thing come within the time in which nodes notice a silent peer, give or take the
 * differences between their clocks.
 */
const SAME_WITHIN_MS = 15_000;

/** An event of a larger cluster does not name everybody; nothing grows without limit. */
const MAX_NODES = 256;

export class EventLog {
  readonly #maxEvents: number;
  /** oldest first, by the clocks of those who reported them first */
  readonly #events: LoggedEvent[] = [];
  /** ids of all reports in the log, each by a node that its event names: it is as bounded as the log */
  readonly #reports = new Map<string, LoggedEvent['id']>();

  constructor(maxEvents = 100) {
    this.#maxEvents = maxEvents;
  }

  /** The events, oldest first. */
  get events(): readonly LoggedEvent[] {
    return this.#events;
  }

  /** @returns the event, new or with one more who reported it; `undefined` if there is no news in it */
  add(report: ClusterEvent): LoggedEvent | undefined {
    if (this.#reports.has(report.id)) return undefined;
    const { id, at, type, about, detail, node } = report;
    const known = this.#sameAs(report);
    if (known >= 0) {
      const event = this.#events[known] as LoggedEvent;
      if (event.nodes.length >= MAX_NODES) return undefined;
      const merged: LoggedEvent = {
        ...event,
        at: Math.min(event.at, at),
        nodes: [...event.nodes, node],
      };
      this.#events[known] = merged;
      this.#reports.set(id, event.id);
      return merged;
    }
    const event: LoggedEvent = { id, at, type, about, detail, nodes: [node] };
    const before = this.#events.findLastIndex((other) => other.at <= at);
    this.#events.splice(before + 1, 0, event);
    this.#reports.set(id, id);
    if (this.#events.length > this.#maxEvents) this.#forgetOldest();
    return this.#reports.has(id) ? event : undefined;
  }

  /** The place of an event that this node has not reported yet, though it saw the same; or -1. */
  #sameAs({ type, about, at, node }: ClusterEvent): number {
    if (!SEEN_BY_SEVERAL.has(type)) return -1;
    return this.#events.findIndex(
      (event) =>
        event.type === type &&
        event.about === about &&
        Math.abs(event.at - at) <= SAME_WITHIN_MS &&
        !event.nodes.includes(node),
    );
  }

  #forgetOldest(): void {
    const oldest = this.#events.shift();
    for (const [report, event] of this.#reports) {
      if (event === oldest?.id) this.#reports.delete(report);
    }
  }
}
