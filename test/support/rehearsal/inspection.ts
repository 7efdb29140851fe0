/** Looks at the instances from outside, past the router: is it one cluster, and what does each say of the counter? */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

/** An instance, as far as it is looked at. */
export interface Inspected {
  readonly name: string;
  readonly address: string;
  /** where its application serves */
  readonly url: string;
}

const nodesSchema = z.object({
  current_node: z.string(),
  all_nodes: z.array(z.string()),
  total_nodes: z.number(),
});
const counterSchema = z.object({ count: z.number() });

async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(8_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return await response.json();
}

/**
 * What is wrong with the mesh, one sentence each: every instance knows itself by its right name, and all others, and
 * nobody else.
 *
 * @param namePart what stands before the `@` in all their names
 */
export async function meshProblems(
  instances: readonly Inspected[],
  namePart: string,
): Promise<readonly string[]> {
  const expected = instances.map(({ address }) => `${namePart}@${address}`).sort();
  const found = await Promise.all(
    instances.map(async ({ name, url, address }): Promise<string[]> => {
      const own = `${namePart}@${address}`;
      try {
        const seen = nodesSchema.parse(await getJson(`${url}/nodes`));
        const problems: string[] = [];
        if (seen.current_node !== own) {
          problems.push(`${name} should be ${own} and says that it is ${seen.current_node}`);
        }
        const missing = expected.filter((node) => !seen.all_nodes.includes(node));
        const strange = seen.all_nodes.filter((node) => !expected.includes(node));
        if (missing.length > 0) problems.push(`${name} does not see ${missing.join(', ')}`);
        if (strange.length > 0) problems.push(`${name} still sees ${strange.join(', ')}`);
        if (seen.all_nodes.length !== seen.total_nodes) {
          problems.push(`${name} counts ${seen.total_nodes} nodes, and lists other ones`);
        }
        return problems;
      } catch (error) {
        return [`${name} does not say whom it sees: ${error}`];
      }
    }),
  );
  return found.flat();
}

/** What is wrong with the counter, one sentence for each instance that has another count. */
export async function countProblems(
  instances: readonly Inspected[],
  expected: number,
): Promise<readonly string[]> {
  const found = await Promise.all(
    instances.map(async ({ name, url }): Promise<string[]> => {
      try {
        const { count } = counterSchema.parse(await getJson(`${url}/counter`));
        return count === expected ? [] : [`${name} counts ${count}, not ${expected}`];
      } catch (error) {
        return [`${name} does not say its count: ${error}`];
      }
    }),
  );
  return found.flat();
}

/** Looks again and again until nothing is wrong, or the time is up. @returns what is wrong then */
export async function lastProblems(
  look: () => Promise<readonly string[]>,
  { timeoutMs = 30_000, intervalMs = 50 } = {},
): Promise<readonly string[]> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const problems = await look();
    if (problems.length === 0 || performance.now() >= deadline) return problems;
    await delay(intervalMs);
  }
}
