import * as z from 'zod';
import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { HandlerContext } from './context.ts';
import { json, NOT_STORED } from './responses.ts';

/** The body of `GET /health`. */
export const healthSchema = z.object({ status: z.literal('ok'), node: z.string() });

/** `GET /health`: the process answers. It says nothing of what the process depends on. */
export function health(_request: HttpRequest, context: HandlerContext): HttpResponse {
  const body = { status: 'ok', node: context.node.name } satisfies z.infer<typeof healthSchema>;
  return json(body, 200, NOT_STORED);
}
