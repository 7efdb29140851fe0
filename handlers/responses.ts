/** How results and failures are written: JSON bodies, and the one map from error code to HTTP status. */
import * as z from 'zod';
import type { CallErrorCode } from '../lib/distribution/errors.ts';
import type { HttpErrorCode } from '../lib/http/errors.ts';
import type { ErrorResponses, HttpResponse } from '../lib/http/messages.ts';

/** Values that JSON can hold. A `bigint` is written as its digits, exactly. */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** A count as the counter gives it: never negative, without upper limit. */
export const countSchema = z.union([z.int().nonnegative(), z.bigint().nonnegative()]);

/** The body of every answer that is a failure. */
export const errorSchema = z.object({ errors: z.object({ detail: z.string() }) });

const CONTENT_TYPE = 'application/json; charset=utf-8';

/** Frozen, so that the server writes them once and for all (`lib/http/response-heads.ts`). */
const PLAIN_HEADERS = Object.freeze({ 'content-type': CONTENT_TYPE });

/** A JSON response. */
export function json(
  body: JsonValue,
  status = 200,
  headers?: Readonly<Record<string, string>>,
): HttpResponse {
  return {
    status,
    headers: headers === undefined ? PLAIN_HEADERS : { 'content-type': CONTENT_TYPE, ...headers },
    body: encodeJson(body),
  };
}

/** For answers that are true at their moment only: no cache may give them to another. */
export const NOT_STORED: Readonly<Record<string, string>> = { 'cache-control': 'no-store' };

/** 503 with a body of its own, where the reason is what was asked for. */
export function serviceUnavailable(
  body: JsonValue,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return json(body, 503, { ...headers, 'retry-after': RETRY_AFTER_SECONDS });
}

/** Like `JSON.stringify`, which refuses a `bigint`; the order of keys is kept. */
export function encodeJson(value: JsonValue): string {
  // Hardly ever is there one, and the search costs less than to put the text together here.
  return hasBigInt(value) ? encodeParts(value) : JSON.stringify(value);
}

function hasBigInt(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint';
  if (isArray(value)) return value.some(hasBigInt);
  for (const key in value) if (hasBigInt(value[key] ?? null)) return true;
  return false;
}

function encodeParts(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(encodeParts).join(',')}]`;
  const members = Object.entries(value).map(
    ([key, v]) => `${JSON.stringify(key)}:${encodeParts(v)}`,
  );
  return `{${members.join(',')}}`;
}

// Array.isArray does not narrow a readonly array.
function isArray(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/**
 * A call that got no reply says nothing about the request: it may be tried again. `exit` is the end
 * of the server during the call, after which it is started again, here or elsewhere.
 */
const STATUS_BY_CALL_ERROR: Readonly<Record<CallErrorCode, number>> = {
  timeout: 503,
  noproc: 503,
  noconnection: 503,
  calling_self: 500,
  exit: 503,
  bad_reply: 500,
};

const STATUS_BY_HTTP_ERROR: Readonly<Record<HttpErrorCode, number>> = {
  malformed_request: 400,
  unauthorized: 401,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  body_too_large: 413,
  expectation_failed: 417,
  headers_too_large: 431,
  // Never sent, since nobody is there to read it; the name comes from nginx, and it ends up in logs.
  client_disconnected: 499,
  // As a rule its response has begun, so that nothing can be said any more.
  client_too_slow: 408,
  internal: 500,
};

const DETAILS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

const RETRY_AFTER_SECONDS = '1';

/** The answers to failures. What is not expected is 500, and tells the client nothing of its cause. */
export const errorResponses: ErrorResponses = {
  forCode: (code, headers) => failure(STATUS_BY_HTTP_ERROR[code], headers),
  forError(error) {
    const { status, headers } = classify(error);
    return failure(status, headers);
  },
};

interface Classification {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

// By name and code, since handlers know of `lib` nothing but types. Codes repeat between classes:
// the `timeout` of a handshake is not that of a call.
function classify(error: unknown): Classification {
  if (!(error instanceof Error && 'code' in error)) return { status: 500 };
  const code = String(error.code);
  if (error.name === 'CallError') return { status: statusOf(STATUS_BY_CALL_ERROR, code) };
  if (error.name !== 'HttpError') return { status: 500 };
  const status = statusOf(STATUS_BY_HTTP_ERROR, code);
  const headers = headersSchema.safeParse('headers' in error ? error.headers : undefined);
  return headers.success ? { status, headers: headers.data } : { status };
}

const headersSchema = z.record(z.string(), z.string());

function statusOf(table: Readonly<Record<string, number>>, code: string): number {
  return Object.hasOwn(table, code) ? (table[code] ?? 500) : 500;
}

function failure(status: number, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  const detail = DETAILS[status] ?? 'Internal Server Error';
  const retry = status === 503 ? { 'retry-after': RETRY_AFTER_SECONDS } : {};
  return json({ errors: { detail } }, status, { ...headers, ...retry });
}
