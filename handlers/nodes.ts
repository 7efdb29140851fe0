import * as z from 'zod';
import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { HandlerContext } from './context.ts';
import { json } from './responses.ts';

/** The body of `GET /nodes`. `all_nodes` begins with the current one; `total_nodes` counts them. */
export const nodesSchema = z.object({
  current_node: z.string(),
  connected_nodes: z.array(z.string()),
  all_nodes: z.array(z.string()),
  total_nodes: z.int().positive(),
});

/** `GET /nodes`: the cluster as this node sees it. */
export function nodes(_request: HttpRequest, context: HandlerContext): HttpResponse {
  const current = context.node.name;
  const connected = [...context.node.connectedNodes()];
  return json({
    current_node: current,
    connected_nodes: connected,
    all_nodes: [current, ...connected],
    total_nodes: connected.length + 1,
  } satisfies z.infer<typeof nodesSchema>);
}
