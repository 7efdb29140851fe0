/**
 * Requests and responses as the router and the handlers see them.
 *
 * A request is the part of the web's `Request` that a server needs, so a standard `Request` can stand
 * in for it in a test. A response may be a standard `Response`; a {@link HttpResponse} is the same
 * facts as a plain value, which costs a fraction of it (figures in `test/bench/README.md`).
 */
import type { HttpErrorCode } from './errors.ts';

/**
 * What a handler may ask of a request. All but `method` is made when it is first asked for. The body
 * can be read once, by one of `body`, `text`, `json`, `arrayBuffer`; reading fails with an
 * `HttpError` (`body_too_large`, `malformed_request`, `client_disconnected`).
 */
export type HttpRequest = Pick<
  Request,
  'method' | 'url' | 'headers' | 'body' | 'bodyUsed' | 'signal' | 'text' | 'json' | 'arrayBuffer'
> & {
  /** what the client asked for, as it wrote it; a standard `Request` does not tell */
  readonly target?: string;
};

/** A piece of a body; text is sent as UTF-8. */
export type BodyChunk = Uint8Array | string;

/** A whole body, or one that is produced while it is sent, at the pace of the client. */
export type ResponseBody = BodyChunk | AsyncIterable<BodyChunk> | null;

/** Header names are lower case; several values make several header lines, as `set-cookie` needs. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

/** A response as a plain value, which costs far less than a standard `Response`. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: ResponseBody;
  /**
   * A streamed body that goes on until somebody ends it, such as a feed of events. Nobody waits for
   * its end when the server drains: it is ended in order, and the client asks again elsewhere.
   */
  readonly endless?: boolean;
}

/** What a handler may answer. */
export type HandlerResult = HttpResponse | Response;

/** The one request that is being answered, beside its content. */
export interface RequestScope {
  readonly requestId: string;
  /** aborted when the client has gone, with an `HttpError` `client_disconnected` as its reason */
  readonly signal: AbortSignal;
  /** whether the client has gone; for whoever only has to know at some later moment, and makes no signal */
  readonly isGone: boolean;
  /** the other end of the connection; `undefined` when that has gone */
  readonly remoteAddress: string | undefined;
  /**
   * A header by its name in lower case, several joined as `node:http` joins them. Unlike `headers` of the
   * request it makes nothing.
   */
  header(name: string): string | undefined;
  /** notes the route that answers, as written in the route table; for telemetry */
  matched(route: string): void;
  /** notes what went wrong; for telemetry */
  failed(error: unknown): void;
}

/** How failures are answered. The one map from failures to statuses lies behind it. */
export interface ErrorResponses {
  forCode(code: HttpErrorCode, headers?: Readonly<Record<string, string>>): HttpResponse;
  forError(error: unknown): HttpResponse;
}

/** Anything that answers requests: a router, or a single function in a test. */
export type RequestHandler = (
  request: HttpRequest,
  scope: RequestScope,
) => HandlerResult | Promise<HandlerResult>;

/** The plain form of a standard response; a plain one is returned as it is. */
export function toHttpResponse(result: HandlerResult): HttpResponse {
  if (!isStandard(result)) return result;
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of result.headers) headers[name] = value;
  const cookies = result.headers.getSetCookie();
  if (cookies.length > 0) headers['set-cookie'] = cookies;
  return { status: result.status, headers, body: result.body };
}

/** The standard form of a plain response, for `fetch`-style callers. The body is handed over. */
export function toResponse(result: HandlerResult): Response {
  if (isStandard(result)) return result;
  const headers = new Headers();
  for (const [name, value] of Object.entries(result.headers)) {
    for (const one of typeof value === 'string' ? [value] : value) headers.append(name, one);
  }
  return new Response(standardBody(result.body), { status: result.status, headers });
}

/**
 * By what it can do: whoever names the class makes Node.js load all of `fetch`, which no other part of a node
 * needs (figures in `test/bench/README.md`).
 */
function isStandard(result: HandlerResult): result is Response {
  return 'arrayBuffer' in result;
}

function standardBody(body: ResponseBody): string | Uint8Array | ReadableStream | null {
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return body;
  const chunks = body[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(typeof value === 'string' ? encoder.encode(value) : value);
      },
      async cancel() {
        await chunks.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
