/** Writes response values to `node:http`, at the pace of the client. */
import type { ServerResponse } from 'node:http';
import { HttpError } from './errors.ts';
import type { BodyChunk, HttpResponse, ResponseBody } from './messages.ts';
import { REQUEST_ID_HEADER } from './request-id.ts';

/** A body that is not produced whole. */
export type StreamedBody = Exclude<ResponseBody, BodyChunk | null>;

/** Whether a body comes piece by piece. */
export function isStreamed(body: ResponseBody): body is StreamedBody {
  return body !== null && typeof body !== 'string' && !(body instanceof Uint8Array);
}

/**
 * Sends status and headers, with a `content-length` wherever the length is known: also for `HEAD`,
 * which tells what `GET` would send.
 *
 * @param closes whether the connection ends with this response
 * @throws {TypeError} if the response has headers that HTTP cannot carry; nothing is sent then
 */
export function writeHead(
  out: ServerResponse,
  response: HttpResponse,
  requestId: string,
  closes = false,
): void {
  const { status, body, headers } = response;
  // Names and values in turn, which Node takes without another copy.
  const lines: (string | readonly string[])[] = [];
  for (const name in headers) {
    if (name !== REQUEST_ID_HEADER && !(closes && name === 'connection')) {
      const value = headers[name];
      if (value !== undefined && name !== 'content-length') lines.push(name, value);
    }
  }
  lines.push(REQUEST_ID_HEADER, requestId);
  if (closes) lines.push('connection', 'close');
  const length =
    isStreamed(body) || !allowsBody(status) ? headers['content-length'] : byteLength(body);
  if (length !== undefined) lines.push('content-length', String(length));
  // Node's types want arrays that it could change; it does not.
  out.writeHead(status, lines as string[]);
}

/** 204 and 304 have no body, whatever the handler says. */
export function allowsBody(status: number): boolean {
  return status !== 204 && status !== 304;
}

/** Of a whole body as it is sent. */
export function byteLength(body: BodyChunk | null): number {
  if (body === null) return 0;
  return typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
}

/**
 * Sends a streamed body, asking for the next chunk only when the socket has room.
 *
 * @param over aborted when the client has left, or the body is to be ended: it is cancelled then, and
 *   this returns
 * @param stallMs how long the client may leave what was sent to it untouched
 * @throws {HttpError} `client_too_slow` if the client does; the body is cancelled
 * @throws whatever the body fails with
 */
export async function writeStream(
  out: ServerResponse,
  body: StreamedBody,
  over: AbortSignal,
  stallMs: number,
): Promise<void> {
  const chunks = pull(body);
  const until = interruptible(over);
  let stalled = false;
  while (!over.aborted && !stalled) {
    const result = await until(chunks.next());
    if (result === undefined) break;
    if (result.done) return;
    if (!out.write(result.value)) stalled = !(await drained(out, over, stallMs));
  }
  await chunks.cancel();
  if (stalled) {
    throw new HttpError('client_too_slow', `expected the client to read within ${stallMs} ms`);
  }
}

/** Ends a body that will not be sent. */
export async function cancelBody(body: ResponseBody): Promise<void> {
  if (isStreamed(body)) await pull(body).cancel();
}

interface Pull {
  next(): Promise<IteratorResult<BodyChunk>>;
  cancel(): Promise<void>;
}

// A stream's own iterator cannot be cancelled while a read is pending; its reader can.
function pull(body: StreamedBody): Pull {
  if (body instanceof ReadableStream) {
    const reader: ReadableStreamDefaultReader<BodyChunk> = body.getReader();
    return {
      async next() {
        const { done, value } = await reader.read();
        return done ? { done: true, value: undefined } : { done: false, value };
      },
      cancel: () => reader.cancel(),
    };
  }
  const iterator = body[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    async cancel() {
      await iterator.return?.();
    },
  };
}

/**
 * Makes a function that waits for one promise at a time, or gives `undefined` as soon as `gone` is
 * aborted. `Promise.race` would add a reaction to the same promise for each chunk of an endless body.
 */
function interruptible(gone: AbortSignal): <T>(promise: Promise<T>) => Promise<T | undefined> {
  let interrupt = (): void => undefined;
  gone.addEventListener('abort', () => interrupt(), { once: true });
  return (promise) =>
    new Promise((resolve, reject) => {
      interrupt = () => resolve(undefined);
      if (gone.aborted) interrupt();
      promise.then(resolve, reject);
    });
}

/** @returns false if there was no room in time; true also if there is nobody left to wait for */
function drained(out: ServerResponse, over: AbortSignal, stallMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (inTime: boolean): void => {
      clearTimeout(timer);
      out.off('drain', onDrain);
      over.removeEventListener('abort', onDrain);
      resolve(inTime);
    };
    const onDrain = (): void => settle(true);
    const timer = setTimeout(() => settle(false), stallMs);
    out.on('drain', onDrain);
    over.addEventListener('abort', onDrain);
    if (over.aborted) onDrain();
  });
}
