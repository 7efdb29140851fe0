import { z } from 'zod';
import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { HandlerContext } from './context.ts';
import { countSchema, json } from './responses.ts';

/** The body of `POST /counter/increment`. `count` is the count after this increment. */
export const incrementSchema = z.object({
  count: countSchema,
  node: z.string(),
  message: z.literal('Counter incremented'),
});

/**
 * `POST /counter/increment`: adds one. A body of the request is ignored. Fails as a call to the
 * counter fails; after a time-out the increment may have happened all the same.
 */
export async function counterIncrement(
  _request: HttpRequest,
  context: HandlerContext,
): Promise<HttpResponse> {
  const count = await context.counter.increment({ signal: context.signal });
  return json({
    count,
    node: context.node.name,
    message: 'Counter incremented',
  } satisfies z.infer<typeof incrementSchema>);
}
