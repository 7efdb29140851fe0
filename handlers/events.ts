import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { HandlerContext } from './context.ts';
import { json } from './responses.ts';

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Proxies after nginx's manner would keep events back until they have a buffer full.
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
} as const;

const RETRY_AFTER_SECONDS = '5';

/**
 * `GET /events`: what happens in the cluster, as server-sent events. `Last-Event-ID`, or the parameter
 * `lastEventId` for pages that have lost their `EventSource`, resumes after that event. 503 when there are
 * too many spectators.
 */
export function events(request: HttpRequest, context: HandlerContext): HttpResponse {
  const lastEventId = context.header('last-event-id') ?? parameter(request.url);
  const body = context.live.open(lastEventId);
  if (body === undefined) {
    const headers = { 'retry-after': RETRY_AFTER_SECONDS };
    return json({ errors: { detail: 'Service Unavailable' } }, 503, headers);
  }
  return { status: 200, headers: HEADERS, body, endless: true };
}

function parameter(url: string): string | undefined {
  const query = url.indexOf('?');
  if (query < 0) return undefined;
  return new URLSearchParams(url.slice(query)).get('lastEventId') ?? undefined;
}
