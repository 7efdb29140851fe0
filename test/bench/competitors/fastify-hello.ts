/** `GET /` with fastify, and the features of ours: request id, an event for each request, a log line. */

import { randomUUID } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import fastify from 'fastify';
import { pino } from 'pino';

const { PORT = '0', LOG = 'off' } = process.env;
const stopped = channel('bench:http.request.stop');

// Lines are gathered, as ours are.
const lines = pino.destination({ dest: 1, sync: false, minLength: 4096 });
const log = pino({ level: 'info', base: { node: 'nonode@nohost' } }, lines);

const app = fastify({
  requestIdHeader: 'x-request-id',
  genReqId: () => randomUUID(),
});
app.addHook('onSend', async (request, reply) => {
  reply.header('x-request-id', request.id);
});
app.addHook('onResponse', async (request, reply) => {
  const event = {
    event: 'http.request.stop',
    method: request.method,
    path: request.url,
    route: request.routeOptions.url,
    status: reply.statusCode,
    requestId: request.id,
    aborted: false,
    durationMs: reply.elapsedTime,
  };
  if (stopped.hasSubscribers) stopped.publish(event);
  if (LOG !== 'off') log.info(event, 'request');
});
app.get('/', async () => ({
  message: 'Hello, World from Distributed Node.js!',
  node: 'nonode@nohost',
  timestamp: new Date().toISOString(),
}));
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
process.once('SIGTERM', () => process.exit(0));
