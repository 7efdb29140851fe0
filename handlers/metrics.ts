import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { HandlerContext } from './context.ts';
import { NOT_STORED } from './responses.ts';

/** `GET /metrics`: the figures of this node, for Prometheus. */
export async function metrics(
  _request: HttpRequest,
  context: HandlerContext,
): Promise<HttpResponse> {
  const { contentType } = context.metrics;
  const body = await context.metrics.text();
  return { status: 200, headers: { 'content-type': contentType, ...NOT_STORED }, body };
}
