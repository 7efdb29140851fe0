/** The scope of a request whose parts a test chooses. */
import type { RequestScope } from '../../lib/http/messages.ts';

export function fakeScope(overrides: Partial<RequestScope> = {}): RequestScope {
  return {
    requestId: 'request-1',
    signal: new AbortController().signal,
    isGone: false,
    remoteAddress: '127.0.0.1',
    header: () => undefined,
    matched() {},
    failed() {},
    ...overrides,
  };
}
