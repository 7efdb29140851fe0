import * as z from 'zod';
import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { HandlerContext } from './context.ts';
import { idempotencyKey } from './idempotency-key.ts';
import { countSchema, errorResponses, json } from './responses.ts';

/** The body of `POST /counter/increment`. `count` is the count after this increment. */
export const incrementSchema = z.object({
  count: countSchema,
  node: z.string(),
  message: z.literal('Counter incremented'),
});

/**
 * `POST /counter/increment`: adds one. A body of the request is ignored. Fails as a call to the
 * counter fails; after a time-out the increment may have happened all the same. With the header
 * `Idempotency-Key` a repetition counts once and is answered as the first one was; 400 if that is no key.
 */
export async function counterIncrement(
  _request: HttpRequest,
  context: HandlerContext,
): Promise<HttpResponse> {
  const idempotency = idempotencyKey(context.header('idempotency-key'));
  if (idempotency.type === 'invalid') return errorResponses.forCode('malformed_request');
  const { requestId } = context;
  const { key } = idempotency;
  const count = await context.counter.increment({ caller: context, requestId, key });
  return json({
    count,
    node: context.node.name,
    message: 'Counter incremented',
  } satisfies z.infer<typeof incrementSchema>);
}
