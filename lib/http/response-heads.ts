/**
 * Heads of responses as text, with the same lines in the same order as `node:http` writes them, for
 * responses that need no thought: on a connection that stays open, with headers that mean nothing to it.
 *
 * The lines of header objects that are frozen, such as those of all answers in JSON, are made once.
 */
import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import type { ResponseHeaders } from './messages.ts';
import { REQUEST_ID_HEADER } from './request-id.ts';

/** What Node would act on, or leave out of its own headers for. */
const SPECIAL: ReadonlySet<string> = new Set([
  ...[REQUEST_ID_HEADER, 'connection', 'content-length', 'date', 'expect', 'keep-alive'],
  ...['trailer', 'transfer-encoding', 'upgrade'],
]);

// Node's way to write other characters is its own affair.
const ASCII = /^[\t\x20-\x7e]*$/;

export interface ResponseHeadsOptions {
  /** as the server has it, which tells its clients */
  readonly keepAliveTimeoutMs: number;
  /** milliseconds since 1970 */
  readonly now?: () => number;
}

/** One per server. */
export class ResponseHeads {
  readonly #now: () => number;
  readonly #ending: string;
  readonly #statusLines: string[] = [];
  /** of frozen objects only; `undefined` for what Node has to write */
  readonly #known = new WeakMap<ResponseHeaders, { readonly lines: string | undefined }>();
  #dateUntil = 0;
  #dateAndEnding = '';

  constructor({ keepAliveTimeoutMs, now = Date.now }: ResponseHeadsOptions) {
    this.#now = now;
    const seconds = Math.floor(keepAliveTimeoutMs / 1000);
    const keepAlive = keepAliveTimeoutMs > 0 ? `Keep-Alive: timeout=${seconds}\r\n` : '';
    this.#ending = `\r\nConnection: keep-alive\r\n${keepAlive}\r\n`;
  }

  /**
   * The head, up to the body.
   *
   * @param length what `content-length` says
   * @returns `undefined` if Node has to write it, or to refuse it
   */
  text(
    status: number,
    headers: ResponseHeaders,
    requestId: string,
    length: number,
  ): string | undefined {
    const statusLine = this.#statusLines[status] ?? this.#statusLine(status);
    const lines = this.#known.get(headers) ?? this.#remember(headers);
    if (statusLine === undefined || lines.lines === undefined) return undefined;
    const date = this.#date();
    return `${statusLine}${lines.lines}x-request-id: ${requestId}\r\ncontent-length: ${length}\r\n${date}`;
  }

  #statusLine(status: number): string | undefined {
    const reason = STATUS_CODES[status];
    // Without a body there is no length either; and what is below 200 is no answer yet.
    if (reason === undefined || status < 200 || status === 204 || status === 304) return undefined;
    const line = `HTTP/1.1 ${status} ${reason}\r\n`;
    this.#statusLines[status] = line;
    return line;
  }

  #remember(headers: ResponseHeaders): { readonly lines: string | undefined } {
    const known = { lines: plainLines(headers) };
    if (Object.isFrozen(headers)) this.#known.set(headers, known);
    return known;
  }

  /** The line of the date, which changes once a second, and what follows it. */
  #date(): string {
    const now = this.#now();
    // Also when the clock was set back.
    if (now >= this.#dateUntil || now < this.#dateUntil - 1000) {
      this.#dateUntil = now - (now % 1000) + 1000;
      this.#dateAndEnding = `Date: ${new Date(now).toUTCString()}${this.#ending}`;
    }
    return this.#dateAndEnding;
  }
}

function plainLines(headers: ResponseHeaders): string | undefined {
  let lines = '';
  try {
    for (const name in headers) {
      const value = headers[name];
      if (typeof value !== 'string' || !ASCII.test(value)) return undefined;
      if (SPECIAL.has(name.toLowerCase())) return undefined;
      validateHeaderName(name);
      validateHeaderValue(name, value);
      lines += `${name}: ${value}\r\n`;
    }
  } catch {
    // Node says what is wrong with it when it is asked to write it.
    return undefined;
  }
  return lines;
}
