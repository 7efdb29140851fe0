import * as z from 'zod';
import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { HandlerContext } from './context.ts';
import { json } from './responses.ts';

/** The body of `GET /`. */
export const helloSchema = z.object({
  message: z.string(),
  node: z.string(),
  /** when the request was answered: ISO 8601, UTC */
  timestamp: z.iso.datetime(),
});

/** `GET /`: a greeting from the node that answers. */
export function hello(_request: HttpRequest, context: HandlerContext): HttpResponse {
  return json({
    message: 'Hello, World from Distributed Node.js!',
    node: context.node.name,
    timestamp: context.timestamp(),
  } satisfies z.infer<typeof helloSchema>);
}
