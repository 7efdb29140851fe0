/** A response as bytes, for the sockets on which `node:http` understood no request. */
import { STATUS_CODES } from 'node:http';
import type { HttpResponse } from './messages.ts';
import { isStreamed } from './response-writer.ts';

/**
 * Writes a response out in full; the connection is meant to close after it.
 *
 * @throws {TypeError} if the body is a stream: these are answers of a few bytes
 */
export function rawResponse(
  response: HttpResponse,
  extra: Readonly<Record<string, string>> = {},
): string {
  const { status, body } = response;
  if (isStreamed(body)) throw new TypeError('expected a whole body, got a stream');
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body ?? undefined);
  const headers = {
    ...response.headers,
    ...extra,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', text].join('\r\n');
}
