/** The identity that one request keeps through logs, telemetry and its response. */
import { randomUUID } from 'node:crypto';

/** Carries the identity, in requests and responses. */
export const REQUEST_ID_HEADER = 'x-request-id';

// Characters that need no quoting in a header, a log line or a shell: an identity is copied between
// all three. 200 is also where Plug.RequestId ends; unlike it, short identities are accepted.
const ACCEPTABLE = /^[A-Za-z0-9._~+/=-]{1,200}$/;

/**
 * Keeps an acceptable identity that came with the request, and makes one otherwise.
 *
 * @param incoming the value of the request's `x-request-id`, if it has one
 * @param generate makes a fresh identity
 */
export function requestId(
  incoming: string | undefined,
  generate: () => string = randomUUID,
): string {
  return incoming !== undefined && ACCEPTABLE.test(incoming) ? incoming : generate();
}
