/**
 * Random schedules of faults from a seed: the same seed gives the same schedule. Pure.
 *
 * A schedule keeps to what the promise covers: one node dies at a time, and the next fault comes when
 * the cluster is whole again; orderly stops always leave a node that stays; a split is followed by
 * its healing.
 */
import type { SeededRandom } from '../seeded-random.ts';

/** One fault and its end. Nodes are indexes, durations milliseconds. */
export type Step = { readonly afterMs: number } & (
  | { readonly type: 'kill'; readonly node: number; readonly downMs: number }
  /** SIGTERM to one after the other, without waiting for the end of the one before */
  | {
      readonly type: 'stop';
      readonly nodes: readonly number[];
      readonly staggerMs: number;
      readonly downMs: number;
    }
  | { readonly type: 'freeze'; readonly node: number; readonly forMs: number }
  /** a node stops in good order, and another one dies meanwhile */
  | {
      readonly type: 'kill_during_stop';
      readonly node: number;
      readonly killed: number;
      readonly killAfterMs: number;
      readonly downMs: number;
    }
  /** the nodes fall apart into sides that do not reach each other; needs a network that can be cut */
  | {
      readonly type: 'cut';
      readonly sides: readonly (readonly number[])[];
      readonly forMs: number;
    }
);

export type StepType = Step['type'];

export interface ScheduleOptions {
  /** nodes of the cluster */
  readonly size: number;
  readonly steps: number;
  /** what happens, each as often as it is named */
  readonly types: readonly StepType[];
}

export function generateSchedule(
  random: SeededRandom,
  { size, steps, types }: ScheduleOptions,
): readonly Step[] {
  return Array.from({ length: steps }, () => {
    const afterMs = random.below(400);
    return { afterMs, ...generateStep(random, size, types[random.below(types.length)] ?? 'kill') };
  });
}

function generateStep(
  random: SeededRandom,
  size: number,
  type: StepType,
): Step extends infer S ? (S extends Step ? Omit<S, 'afterMs'> : never) : never {
  const [first = 0, second = 1] = shuffled(random, size);
  switch (type) {
    case 'kill':
      return { type, node: first, downMs: random.below(900) };
    case 'stop': {
      const nodes = shuffled(random, size).slice(0, 1 + random.below(size - 1));
      return { type, nodes, staggerMs: random.below(250), downMs: random.below(600) };
    }
    case 'freeze':
      return { type, node: first, forMs: 100 + random.below(1_900) };
    case 'kill_during_stop':
      // Of two nodes nobody would stay.
      if (size < 3) return { type: 'kill', node: first, downMs: random.below(900) };
      return {
        ...{ type, node: first, killed: second },
        ...{ killAfterMs: random.below(60), downMs: random.below(600) },
      };
    case 'cut':
      return { type, sides: sides(random, size), forMs: 3_000 + random.below(6_000) };
  }
}

/** Each node goes to one of two or three sides; two of them have somebody. */
function sides(random: SeededRandom, size: number): readonly (readonly number[])[] {
  const nodes = shuffled(random, size);
  const count = 2 + random.below(Math.min(2, size - 1));
  const groups: number[][] = nodes.slice(0, count).map((node) => [node]);
  for (const node of nodes.slice(count)) groups[random.below(count)]?.push(node);
  return groups.map((group) => group.sort());
}

function shuffled(random: SeededRandom, size: number): number[] {
  const nodes = Array.from({ length: size }, (_, index) => index);
  for (let at = size - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    [nodes[at], nodes[other]] = [nodes[other]!, nodes[at]!];
  }
  return nodes;
}

/** One line a step, for the report of a test. */
export function describeStep(step: Step): string {
  const { type, afterMs, ...details } = step;
  return `after ${afterMs} ms: ${type} ${JSON.stringify(details)}`;
}
