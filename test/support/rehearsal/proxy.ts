/**
 * Passes a request on to an instance, and its response back, as both arrive: streams are not held back. Knows of no
 * instance and no rule; whoever calls it says where to, and what is to happen when there is no answer.
 */
import { type Agent, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';

/** Where a request goes to. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  readonly agent?: Agent;
}

/** How it went: with a whole response, or without one because a side's connection ended. */
export type Passed =
  | { readonly type: 'answered'; readonly status: number }
  | { readonly type: 'client_gone' }
  /** before the first byte of a response: nothing was sent to the client so far */
  | { readonly type: 'unanswered'; readonly error: Error }
  /** in the middle of the response: the client's connection is closed */
  | { readonly type: 'torn'; readonly error: Error };

/** About one connection only, so never passed on. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding'],
  'upgrade',
]);

/** Resolves when the response is complete, or cannot be any more. Never rejects. */
export function pass(
  incoming: IncomingMessage,
  response: ServerResponse,
  { host, port, agent }: Upstream,
  headers: Readonly<Record<string, string>> = {},
): Promise<Passed> {
  return new Promise((resolve) => {
    const outgoing = request({
      ...{ host, port, method: incoming.method, path: incoming.url },
      ...(agent === undefined ? { agent: false } : { agent }),
      headers: { ...endToEnd(incoming.headers), ...headers },
    });
    let answered = false;
    response.once('close', () => {
      if (response.writableFinished) return;
      resolve({ type: 'client_gone' });
      outgoing.destroy();
    });
    outgoing.once('error', (error) => {
      if (!answered) resolve({ type: 'unanswered', error });
    });
    outgoing.once('response', (answer) => {
      answered = true;
      const status = answer.statusCode ?? 502;
      response.writeHead(status, answer.statusMessage, rawEndToEnd(answer.rawHeaders));
      response.flushHeaders();
      pipeline(answer, response, (error) => {
        if (error) resolve({ type: 'torn', error });
        else resolve({ type: 'answered', status });
      });
    });
    incoming.pipe(outgoing);
  });
}

function endToEnd(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

function rawEndToEnd(headers: readonly string[]): string[] {
  return headers.filter((_, at) => !HOP_BY_HOP.has((headers[at - (at % 2)] ?? '').toLowerCase()));
}
