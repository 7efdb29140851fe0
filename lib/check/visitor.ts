/** Requests to a deployment, as a stranger sends them, and what is wrong with an answer. */
import * as z from 'zod';

/** `no_answer` came, the deployment is `unavailable` (503), or what came is `wrong`. */
export type CheckFailureCode = 'no_answer' | 'unavailable' | 'wrong';

/** Something is not as it must be; the message says what was expected and what came. */
export class CheckFailure extends Error {
  readonly code: CheckFailureCode;

  constructor(message: string, code: CheckFailureCode = 'wrong', options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CheckFailure';
    this.code = code;
  }
}

/** An answer, read to its end. */
export interface Answer {
  /** `GET /counter`, for messages */
  readonly request: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** whether to leave out the credentials */
  readonly asStranger?: boolean;
}

/** Sends one request. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface VisitorOptions {
  /** without a slash at its end */
  readonly url: string;
  readonly timeoutMs: number;
  /** the header by that name, of all requests */
  readonly authorization?: string | undefined;
  readonly fetch?: Fetch;
}

/** Whoever asks the deployment. */
export class Visitor {
  readonly url: string;
  readonly #timeoutMs: number;
  readonly #credentials: { readonly authorization?: string };
  readonly #fetch: Fetch;

  constructor({ url, timeoutMs, authorization, fetch: send = fetch }: VisitorOptions) {
    this.url = url;
    this.#credentials = authorization === undefined ? {} : { authorization };
    this.#timeoutMs = timeoutMs;
    this.#fetch = send;
  }

  /** @throws {CheckFailure} if no answer comes in time, or it leads elsewhere */
  async ask(path: string, options: RequestOptions = {}): Promise<Answer> {
    const { method = 'GET', headers = {}, asStranger = false } = options;
    const credentials = asStranger ? {} : this.#credentials;
    const request = `${method} ${path}`;
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(`${this.url}${path}`, {
        ...{ method, redirect: 'manual', headers: { ...credentials, ...headers } },
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      text = await response.text();
    } catch (error) {
      const message = `${request}: no answer: ${reasonOf(error)}`;
      throw new CheckFailure(message, 'no_answer', { cause: error });
    }
    const { status, headers: answered } = response;
    if (status >= 300 && status < 400) {
      const to = answered.get('location');
      throw new CheckFailure(
        `${request}: expected an answer, got ${status} to ${to}: check that address`,
      );
    }
    return { request, status, headers: answered, text };
  }

  /**
   * Asks for JSON in a certain form.
   *
   * @throws {CheckFailure} if status, content type, request id or form are not as expected
   */
  async json<Shape extends z.ZodType>(
    path: string,
    shape: Shape,
    options: RequestOptions & { readonly status?: number } = {},
  ): Promise<{ readonly body: z.infer<Shape>; readonly answer: Answer }> {
    const answer = await this.ask(path, options);
    const { request, text } = answer;
    expectStatus(answer, options.status ?? 200);
    expectHeader(answer, 'content-type', /^application\/json; charset=utf-8$/);
    expectHeader(answer, 'x-request-id', /^[A-Za-z0-9._~+/=-]{1,200}$/);
    let value: unknown;
    try {
      value = JSON.parse(withExactCounts(text));
    } catch (cause) {
      throw new CheckFailure(`${request}: expected JSON, got ${shorten(text)}`, 'wrong', { cause });
    }
    const result = shape.safeParse(value);
    if (result.success) return { body: result.data, answer };
    throw new CheckFailure(`${request}: got ${shorten(text)}: ${z.prettifyError(result.error)}`);
  }
}

/** A count, however great: its digits. */
export const digits = z.string().regex(/^\d+$/).transform(BigInt);

/** Counts in quotes, since `JSON.parse` would round those beyond 2^53. */
function withExactCounts(text: string): string {
  return text.replace(/("count":)(\d+)/g, '$1"$2"');
}

/** @throws {CheckFailure} if the status is another */
export function expectStatus({ request, status, text }: Answer, ...expected: number[]): void {
  if (expected.includes(status)) return;
  throw new CheckFailure(
    `${request}: expected status ${expected.join(' or ')}, got ${status} ${shorten(text)}`,
    status === 503 ? 'unavailable' : 'wrong',
  );
}

/** @throws {CheckFailure} if the header is missing or another */
export function expectHeader({ request, headers }: Answer, name: string, expected: RegExp): void {
  const value = headers.get(name);
  if (value !== null && expected.test(value)) return;
  throw new CheckFailure(
    `${request}: expected the header ${name} to match ${expected.source}, got ${value ?? 'none'}`,
  );
}

function shorten(text: string): string {
  const line = JSON.stringify(text);
  return line.length > 160 ? `${line.slice(0, 160)}…` : line;
}

/** What `fetch` says is "fetch failed": the reason is in the cause. */
function reasonOf(error: unknown): string {
  const lines: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    lines.push(at.message === '' && 'code' in at ? String(at.code) : at.message);
  }
  return lines.at(-1) ?? String(error);
}
