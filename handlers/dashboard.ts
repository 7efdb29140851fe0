/**
 * `GET /dashboard`, the live page, and the files that it consists of. All it shows comes from `GET /events`
 * and from what it was told of its own increments.
 */
import type { HttpRequest, HttpResponse } from '../lib/http/messages.ts';
import type { RouteParams } from '../lib/http/router.ts';
import type { AssetView, HandlerContext } from './context.ts';
import { errorResponses } from './responses.ts';

/** Nothing but our own files and our own service, in no frame, with no code or style in the page itself. */
const POLICY: readonly string[] = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
];

const SECURITY = {
  'content-security-policy': POLICY.join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const ASK_AGAIN = 'private, no-cache';
const FOR_EVER = 'private, max-age=31536000, immutable';

/** `GET /dashboard`: the page; 304 if the client has it already. */
export function dashboard(_request: HttpRequest, context: HandlerContext): HttpResponse {
  return send(context.assets.page, ASK_AGAIN, context);
}

/**
 * `GET /dashboard/:version/:file`: a file of the page. While nodes of two versions answer, a page of the one
 * may ask the other: it gets that one's file, and must not keep it.
 */
export function dashboardFile(
  _request: HttpRequest,
  context: HandlerContext,
  { version, file }: RouteParams,
): HttpResponse {
  const asset = context.assets.find(file ?? '');
  if (asset === undefined) return errorResponses.forCode('not_found');
  return send(asset, version === context.assets.version ? FOR_EVER : ASK_AGAIN, context);
}

function send(asset: AssetView, cacheControl: string, context: HandlerContext): HttpResponse {
  const headers = { ...SECURITY, 'cache-control': cacheControl, etag: asset.etag };
  if (isKnown(asset.etag, context.header('if-none-match'))) {
    return { status: 304, headers, body: null };
  }
  return {
    status: 200,
    headers: { ...headers, 'content-type': asset.contentType },
    body: asset.body,
  };
}

/** @see RFC 9110, 13.1.2: weak comparison */
function isKnown(etag: string, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}
