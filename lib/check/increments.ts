/** Whether the counter moves by exactly what is sent. */
import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { type Check, counter } from './endpoints.ts';
import { CheckFailure, digits, type Visitor } from './visitor.ts';

const increment = z.object({ count: digits, node: z.string(), message: z.string() });

/** At the same time: enough to meet on every instance, few enough for a small one. */
const AT_ONCE = 10;
/** Attempts, of which one must have been undisturbed by others. */
const ATTEMPTS = 3;
/** Of a request without an answer, or with 503: with its key it may be sent again. */
const TRIES = 5;

export interface IncrementsOptions {
  readonly increments: number;
  /** whether others may count meanwhile */
  readonly shared: boolean;
}

/**
 * Every increment has a key of its own, so that one whose answer is lost can be repeated and counts once.
 * All are then sent a second time: the answers must be the same, and the counter must stand still.
 */
export function incrementsCheck({ increments, shared }: IncrementsOptions): Check {
  return {
    title: `${increments} increments move the counter by ${increments}`,
    async run(visitor) {
      const excesses: bigint[] = [];
      for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
        const { excess, detail } = await attemptOnce(visitor, increments);
        if (excess === 0n) return detail;
        excesses.push(excess);
        if (shared) return `${detail}, and by ${excess} more: others count too`;
      }
      throw new CheckFailure(
        `expected the counter to move by ${increments}, it moved by ${excesses.join(', ')} more in ${ATTEMPTS} ` +
          'attempts: either it counts what was not sent, or somebody else sends too (then add --shared)',
      );
    },
  };
}

async function attemptOnce(
  visitor: Visitor,
  increments: number,
): Promise<{ readonly excess: bigint; readonly detail: string }> {
  const keys = Array.from({ length: increments }, () => randomUUID());
  const before = await count(visitor);
  const first = await sendAll(visitor, keys);
  const after = await count(visitor);
  const second = await sendAll(visitor, keys);
  const atLast = await count(visitor);

  const moved = after - before;
  if (moved < BigInt(increments)) {
    throw new CheckFailure(
      `${increments} increments were answered with 200, and the counter moved by ${moved} only, from ${before} to ${after}`,
    );
  }
  const distinct = new Set(first.counts);
  if (distinct.size < increments) {
    throw new CheckFailure(
      `expected ${increments} different counts as answers, got ${distinct.size}: two increments had the same`,
    );
  }
  const changed = first.counts.findIndex((answered, at) => answered !== second.counts[at]);
  if (changed >= 0) {
    throw new CheckFailure(
      `an increment that was sent again with its key was answered ${second.counts[changed]}, at first ${first.counts[changed]}`,
    );
  }
  const nodes = [...first.nodes].sort().join(', ');
  return {
    excess: atLast - before - BigInt(increments),
    detail: `from ${before} to ${after}, answered by ${nodes}; sent again with their keys they counted no more`,
  };
}

async function count(visitor: Visitor): Promise<bigint> {
  return (await visitor.json('/counter', counter)).body.count;
}

/** @returns the answers in the order of the keys */
async function sendAll(visitor: Visitor, keys: readonly string[]) {
  const counts: bigint[] = [];
  const nodes = new Set<string>();
  const queue = keys.entries();
  const worker = async (): Promise<void> => {
    for (const [at, key] of queue) {
      const { count: answered, node } = await send(visitor, key);
      counts[at] = answered;
      nodes.add(node);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { counts, nodes };
}

async function send(visitor: Visitor, key: string): Promise<z.infer<typeof increment>> {
  const headers = { 'idempotency-key': key };
  for (let tries = 1; ; tries += 1) {
    try {
      return (await visitor.json('/counter/increment', increment, { method: 'POST', headers }))
        .body;
    } catch (error) {
      // Whether it counted is unknown then, which its key makes harmless.
      const isOpen = error instanceof CheckFailure && error.code !== 'wrong';
      if (!isOpen || tries === TRIES) throw error;
    }
  }
}
