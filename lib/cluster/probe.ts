import { z } from 'zod';

/** What a node says of the cluster and its counter. */
export interface Probe {
  /** the nodes it sees, itself included; `undefined` while it does not answer */
  nodes(url: string): Promise<NodesAnswer | undefined>;
  /** the counter's value as that node has it; `undefined` while it does not answer */
  count(url: string): Promise<number | undefined>;
}

/** Who answered, and how many nodes it sees, itself included. */
export interface NodesAnswer {
  readonly currentNode: string;
  readonly total: number;
}

/** For one request; another one follows. */
const TIMEOUT_MS = 2_000;

const nodesSchema = z.object({ current_node: z.string(), total_nodes: z.number() });
const counterSchema = z.object({ count: z.number() });

/** Asks over HTTP, as users do. */
export const httpProbe: Probe = {
  async nodes(url) {
    const answer = nodesSchema.safeParse(await getJson(`${url}/nodes`));
    if (!answer.success) return undefined;
    return { currentNode: answer.data.current_node, total: answer.data.total_nodes };
  },
  async count(url) {
    const answer = counterSchema.safeParse(await getJson(`${url}/counter`));
    return answer.success ? answer.data.count : undefined;
  },
};

/** @returns `undefined` when nobody answers, in time, with JSON: a node that starts is asked again */
async function getJson(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return await response.json();
  } catch {
    return undefined;
  }
}
