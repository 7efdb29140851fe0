/**
 * What happens in the cluster, as each node tells it to all others on the topic `cluster:events`. The
 * sources are the node's own telemetry events; the table here says which of them matter to a spectator.
 */
import * as z from 'zod';
import { inspectTerm, isTermObject } from '../distribution/index.ts';
import type { Measurements, Metadata } from '../telemetry/telemetry.ts';

/** Where nodes publish {@link ClusterEvent}s. */
export const EVENTS_TOPIC = 'cluster:events';

const MAX_TEXT = 255;

/** The last moment that a `Date` can tell: a later one is no time, and pages could not show it. */
const LAST_MOMENT = 8_640_000_000_000_000;

const text = z.string().max(MAX_TEXT);

/** A message of the topic `cluster:events`. */
export const clusterEventSchema = z.object({
  /** unique: the node, its start, and a number */
  id: z.string().min(1).max(400),
  /** milliseconds since 1970, by the clock of `node` */
  at: z.int().nonnegative().max(LAST_MOMENT),
  /** who tells it */
  node: text.min(1),
  /**
   * - `nodeup`, `nodedown`: a node came or went; `detail` says why it went
   * - `conflict`: a global name had two owners
   * - `take_over`, `hand_over`, `lost`: the node owns the counter, gave it to `detail`, lost it to `detail`
   * - `merge`: the owner learnt of increments that were counted elsewhere
   * - `restart`: a child of the node's supervisor was started again
   */
  type: z.enum([
    ...['nodeup', 'nodedown', 'conflict', 'take_over', 'hand_over', 'lost', 'merge', 'restart'],
  ] as const),
  /** the node, the name or the child that it happened to */
  about: text.min(1),
  detail: text,
});

/** Something that happened in the cluster. */
export type ClusterEvent = Readonly<z.infer<typeof clusterEventSchema>>;

/** The part of an event that its telemetry tells. */
export type Happening = Pick<ClusterEvent, 'type' | 'about' | 'detail'>;

type Describe = (metadata: Metadata, measurements: Measurements) => Happening | undefined;

// A nodeup is told by the roster, which knows which of two nodes is the one that came.
const DESCRIBE: Readonly<Record<string, Describe>> = {
  'distribution.node.down': ({ peer, reason, visible }) =>
    visible === true
      ? { type: 'nodedown', about: clip(peer), detail: reason === undefined ? '' : clip(reason) }
      : undefined,
  'global.name.conflict': ({ name }) => ({ type: 'conflict', about: clip(name), detail: '' }),
  'counter.owner.taken_over': ({ node, cause }, { durationMs }) => ({
    type: 'take_over',
    about: clip(node),
    detail: cause === 'free' ? `free for ${Math.round(durationMs ?? 0)} ms` : clip(cause ?? ''),
  }),
  'counter.owner.handed_over': ({ node, peer }) => ({
    type: 'hand_over',
    about: clip(node),
    detail: clip(peer),
  }),
  'counter.owner.lost': ({ node, peer }) => ({
    type: 'lost',
    about: clip(node),
    detail: clip(peer),
  }),
  'counter.merged': ({ node }, { added }) => ({
    type: 'merge',
    about: clip(node),
    detail: `${added ?? 0}`,
  }),
  'supervisor.child.restarted': ({ childId }) => ({
    type: 'restart',
    about: clip(childId),
    detail: '',
  }),
};

/** The telemetry events that {@link describe} knows. */
export const TOLD_EVENTS: readonly string[] = Object.keys(DESCRIBE);

/** What a telemetry event means to a spectator; `undefined` for those that mean nothing. */
export function describe(
  event: string,
  measurements: Measurements,
  metadata: Metadata,
): Happening | undefined {
  return DESCRIBE[event]?.(metadata, measurements);
}

function clip(value: unknown): string {
  const printed = isTermObject(value) ? inspectTerm(value, { maxLength: MAX_TEXT }) : String(value);
  return printed.slice(0, MAX_TEXT);
}
