/** An incoming message of `node:http` as a {@link HttpRequest}; every part is made when asked for. */
import type { IncomingMessage } from 'node:http';
import { HttpError } from './errors.ts';
import type { HttpRequest, RequestScope } from './messages.ts';
import type { RequestBody } from './request-body.ts';

/** What a request asks for when it is asked for it. */
export interface NodeRequestScope extends Pick<RequestScope, 'signal'> {
  readonly body: RequestBody;
}

export class NodeRequest implements HttpRequest {
  readonly method: string;
  readonly #message: IncomingMessage;
  readonly #scope: NodeRequestScope;
  #url: string | undefined;
  #headers: Headers | undefined;
  #stream: ReadableStream<Uint8Array> | undefined;

  constructor(message: IncomingMessage, scope: NodeRequestScope) {
    this.method = message.method ?? 'GET';
    this.#message = message;
    this.#scope = scope;
  }

  get target(): string {
    return this.#message.url ?? '/';
  }

  /** Absolute. The authority is what the client wrote, so it identifies nothing. */
  get url(): string {
    this.#url ??= absoluteUrl(this.#message.url ?? '/', this.#message.headers.host);
    return this.#url;
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#message.rawHeaders);
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (!this.#scope.body.exists) return null;
    this.#stream ??= this.#scope.body.stream();
    return this.#stream;
  }

  get bodyUsed(): boolean {
    return this.#scope.body.used;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.#scope.body.bytes());
  }

  async json(): Promise<unknown> {
    const text = await this.text();
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new HttpError('malformed_request', 'expected a body of JSON', { cause });
    }
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const copy = new Uint8Array(await this.#scope.body.bytes());
    return copy.buffer;
  }
}

// The target may be a path, an absolute URL (from a client that takes us for a proxy) or `*`.
function absoluteUrl(target: string, host: string | undefined): string {
  if (!target.startsWith('/') && URL.canParse(target)) return target;
  const authority = host !== undefined && URL.canParse(`http://${host}`) ? host : 'localhost';
  return `http://${authority}${target.startsWith('/') ? '' : '/'}${target}`;
}

function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i] ?? '', raw[i + 1] ?? '');
  return headers;
}
