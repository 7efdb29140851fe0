import * as z from 'zod';
import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { HandlerContext } from './context.ts';
import { json, NOT_STORED, serviceUnavailable } from './responses.ts';

/** The body of `GET /ready`, whatever the status. */
export const readySchema = z.object({
  status: z.enum(['ready', 'unavailable']),
  node: z.string(),
  checks: z.object({
    http: z.enum(['up', 'stopping']),
    distribution: z.enum(['up', 'down', 'off']),
    cluster: z.enum(['joined', 'joining']),
    counter: z.enum(['reachable', 'unreachable', 'not_asked']),
  }),
});

/** `GET /ready`: 200 when this node shall get requests, 503 when it shall not, with what it depends on. */
export async function ready(_request: HttpRequest, context: HandlerContext): Promise<HttpResponse> {
  const { ready: isReady, checks } = await context.readiness.check();
  const body = {
    status: isReady ? 'ready' : 'unavailable',
    node: context.node.name,
    checks: { ...checks },
  } satisfies z.infer<typeof readySchema>;
  return isReady ? json(body, 200, NOT_STORED) : serviceUnavailable(body, NOT_STORED);
}
