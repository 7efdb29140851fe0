import * as z from 'zod';

/** What a node says of the cluster and its counter. */
export interface Probe {
  /** how many nodes it sees, itself included; `undefined` while it does not answer */
  nodes(url: string): Promise<number | undefined>;
  /** the counter's value as that node has it; `undefined` while it does not answer */
  count(url: string): Promise<number | undefined>;
}

/** For one request; another one follows. */
const TIMEOUT_MS = 2_000;

const nodesSchema = z.object({ total_nodes: z.number() });
const counterSchema = z.object({ count: z.number() });

/** Asks over HTTP, as users do. */
export const httpProbe: Probe = {
  async nodes(url) {
    const answer = nodesSchema.safeParse(await getJson(`${url}/nodes`));
    return answer.success ? answer.data.total_nodes : undefined;
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
