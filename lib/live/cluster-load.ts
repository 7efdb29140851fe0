/**
 * The load of the whole cluster, second by second: what each node tells of its last second on the topic
 * `cluster:load`, put together by this one.
 */
import * as z from 'zod';
import type { Load } from './load-meter.ts';

/** Where nodes publish their load, once per second while there is some. */
export const LOAD_TOPIC = 'cluster:load';

/** No node has so many requests in a second, or so slow ones; the sums stay numbers that can be plotted. */
const MAX_AMOUNT = 1e9;

const amount = z.number().nonnegative().max(MAX_AMOUNT);

/** A message of the topic `cluster:load`: the load of one second on one node. */
export const loadMessageSchema = z.object({
  node: z.string().min(1).max(255),
  requests: amount,
  increments: amount,
  p50Ms: amount,
  p99Ms: amount,
});

/** The load of one second on one node. */
export type LoadMessage = Readonly<z.infer<typeof loadMessageSchema>>;

/**
 * One second of the cluster: seconds since 1970; increments and requests of all nodes; the median of the
 * nodes, each counted as often as it had requests; the 99th percentile of the slowest node.
 */
export type LoadPoint = readonly [
  second: number,
  increments: number,
  requests: number,
  p50Ms: number,
  p99Ms: number,
];

/** A load message counts for so long: a node that is busy tells one each second, give or take. */
const VALID_MS = 2500;

/** A cluster beyond that is not counted completely; nothing grows without limit. */
const MAX_NODES = 256;

export class ClusterLoad {
  readonly #maxPoints: number;
  readonly #latest = new Map<string, { readonly load: Load; readonly atMs: number }>();
  readonly #points: LoadPoint[] = [];

  /** @param maxPoints how many seconds are remembered */
  constructor(maxPoints = 300) {
    this.#maxPoints = maxPoints;
  }

  /** The seconds so far, oldest first. */
  get points(): readonly LoadPoint[] {
    return this.#points;
  }

  /** @param nowMs monotonic milliseconds */
  record({ node, ...load }: LoadMessage, nowMs: number): void {
    if (this.#latest.has(node) || this.#latest.size < MAX_NODES) {
      this.#latest.set(node, { load, atMs: nowMs });
    }
  }

  /** Closes a second. @param second seconds since 1970 @param nowMs monotonic milliseconds */
  tick(second: number, nowMs: number): LoadPoint {
    let increments = 0;
    let requests = 0;
    let weightedP50 = 0;
    let p99Ms = 0;
    for (const [node, { load, atMs }] of this.#latest) {
      if (nowMs - atMs > VALID_MS) {
        this.#latest.delete(node);
        continue;
      }
      increments += load.increments;
      requests += load.requests;
      weightedP50 += load.p50Ms * load.requests;
      p99Ms = Math.max(p99Ms, load.p99Ms);
    }
    const p50Ms = requests === 0 ? 0 : Math.round((weightedP50 / requests) * 1000) / 1000;
    const point: LoadPoint = [second, increments, requests, p50Ms, p99Ms];
    this.#points.push(point);
    if (this.#points.length > this.#maxPoints) this.#points.shift();
    return point;
  }

  /** The last loads of the nodes, by name. */
  nodes(): Readonly<Record<string, Load>> {
    return Object.fromEntries([...this.#latest].map(([node, { load }]) => [node, load]));
  }
}
