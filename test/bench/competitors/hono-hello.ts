/** `GET /` with hono on its node server, and the features of ours: request id, an event, a log line. */
import { channel } from 'node:diagnostics_channel';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { type RequestIdVariables, requestId } from 'hono/request-id';
import { pino } from 'pino';

const { PORT = '0', LOG = 'off' } = process.env;
const stopped = channel('bench:http.request.stop');
// Lines are gathered, as ours are.
const lines = pino.destination({ dest: 1, sync: false, minLength: 4096 });
const log = pino({ level: 'info', base: { node: 'nonode@nohost' } }, lines);

const app = new Hono<{ Variables: RequestIdVariables }>();
app.use(requestId());
app.use(async (context, next) => {
  const startedAt = performance.now();
  await next();
  const event = {
    event: 'http.request.stop',
    method: context.req.method,
    path: context.req.path,
    route: '/',
    status: context.res.status,
    requestId: context.get('requestId'),
    aborted: false,
    durationMs: performance.now() - startedAt,
  };
  if (stopped.hasSubscribers) stopped.publish(event);
  if (LOG !== 'off') log.info(event, 'request');
});
app.get('/', (context) =>
  context.json({
    message: 'Hello, World from Distributed Node.js!',
    node: 'nonode@nohost',
    timestamp: new Date().toISOString(),
  }),
);
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(PORT) });
process.once('SIGTERM', () => process.exit(0));
