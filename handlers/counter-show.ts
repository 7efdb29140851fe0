import * as z from 'zod';
import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { HandlerContext } from './context.ts';
import { countSchema, json } from './responses.ts';

/** The body of `GET /counter`. `node` is the node that answers, wherever the counter lives. */
export const counterSchema = z.object({ count: countSchema, node: z.string() });

/** `GET /counter`: the count of the cluster. Fails as a call to the counter fails. */
export async function counterShow(
  _request: HttpRequest,
  context: HandlerContext,
): Promise<HttpResponse> {
  const { signal, requestId } = context;
  const count = await context.counter.get({ signal, requestId });
  return json({ count, node: context.node.name } satisfies z.infer<typeof counterSchema>);
}
