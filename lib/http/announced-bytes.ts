import type { IncomingMessage } from 'node:http';

/** How long the body of a request says it is; 0 if there is none, `undefined` if its end will show. */
export function announcedBytes({ headers }: Pick<IncomingMessage, 'headers'>): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  const length = headers['content-length'];
  return length === undefined ? 0 : Number(length);
}
