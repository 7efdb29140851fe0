/** `POST /counter/increment` as it is usually built: fastify, and one Redis that counts. */
import { randomUUID } from 'node:crypto';
import fastify from 'fastify';
import { Redis } from 'ioredis';

const { PORT = '0', REDIS_PORT = '0' } = process.env;
const redis = new Redis({
  host: '127.0.0.1',
  port: Number(REDIS_PORT),
  enableAutoPipelining: true,
});

const app = fastify({ requestIdHeader: 'x-request-id', genReqId: () => randomUUID() });
app.addHook('onSend', async (request, reply) => {
  reply.header('x-request-id', request.id);
});
app.get('/', async () => ({ ready: true }));
app.post('/counter/increment', async () => ({
  count: await redis.incr('counter'),
  node: 'nonode@nohost',
  message: 'Counter incremented',
}));
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
process.once('SIGTERM', () => process.exit(0));
