/** A handler's context whose parts a test chooses. */
import type { HandlerContext } from '../../handlers/context.ts';

export function fakeContext(overrides: Partial<HandlerContext> = {}): HandlerContext {
  let count = 0;
  return {
    node: { name: 'node1@127.0.0.1', connectedNodes: () => [] },
    counter: {
      get: async () => count,
      increment: async () => {
        count += 1;
        return count;
      },
    },
    access: { isTrusted: () => true, credentials: undefined },
    readiness: {
      check: async () => ({
        ready: true,
        checks: { http: 'up', distribution: 'off', cluster: 'joined', counter: 'reachable' },
      }),
    },
    metrics: { contentType: 'text/plain', text: async () => 'up 1\n' },
    assets: {
      version: 'v1',
      page: { contentType: 'text/html; charset=utf-8', body: Buffer.from('page'), etag: '"page"' },
      find: (name) =>
        name === 'main.js'
          ? { contentType: 'text/javascript', body: Buffer.from('main'), etag: '"main"' }
          : undefined,
    },
    live: {
      async *open() {
        yield new TextEncoder().encode('retry: 1000\n\n');
      },
    },
    timestamp: () => '2026-01-02T03:04:05.678Z',
    requestId: 'request-1',
    signal: new AbortController().signal,
    isGone: false,
    remoteAddress: '127.0.0.1',
    header: () => undefined,
    ...overrides,
  };
}
