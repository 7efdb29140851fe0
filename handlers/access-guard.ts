/**
 * Keeps from strangers what only the operators of the service shall see. {@link guarded} wraps a route:
 *
 * | the client | gets |
 * |---|---|
 * | is trusted, see {@link AccessPolicy} | the answer |
 * | gives the right credentials (basic authentication) | the answer |
 * | gives none, or wrong ones | 401 with `WWW-Authenticate` |
 * | asks where no credentials are configured | 404, as for a path that does not exist |
 *
 * Every method is judged alike, so that a 405 does not give away what a 404 hides.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpResponse } from '../lib/http/messages.ts';
import type { Route } from '../lib/http/router.ts';
import type { Credentials, HandlerContext } from './context.ts';
import { errorResponses } from './responses.ts';

const CHALLENGE = { 'www-authenticate': 'Basic realm="Hello Distributed", charset="UTF-8"' };

// One token of base64 after the scheme, which is written in any case.
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/** The same route, for clients that have access to it only. */
export function guarded(route: Route<HandlerContext>): Route<HandlerContext> {
  return { ...route, guard: refusal };
}

function refusal(context: HandlerContext): HttpResponse | undefined {
  const { access } = context;
  if (access.isTrusted(context.remoteAddress)) return undefined;
  if (access.credentials === undefined) return errorResponses.forCode('not_found');
  return matches(access.credentials, context.header('authorization'))
    ? undefined
    : errorResponses.forCode('unauthorized', CHALLENGE);
}

/** @see RFC 7617: `user:password` in UTF-8 and base64; the user has no colon */
function matches({ user, password }: Credentials, authorization: string | undefined): boolean {
  const [, token] = BASIC.exec(authorization ?? '') ?? [];
  if (token === undefined) return false;
  // Digests have one length, so the comparison takes as long whatever the client has guessed.
  const given = digest(Buffer.from(token, 'base64'));
  return timingSafeEqual(given, digest(`${user}:${password}`));
}

function digest(content: string | Uint8Array): Uint8Array {
  return createHash('sha256').update(content).digest();
}
