/** The router of the rehearsal and the proxy below it, in front of small servers. */
import { createServer, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { send } from '../support/faults/load.ts';
import { Router } from '../support/rehearsal/router.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';

async function startInstance(t: Test, handle: RequestListener): Promise<number> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function startRouter(t: Test): Promise<Router> {
  const router = await Router.start(seededRandom(1));
  t.teardown(() => router.stop());
  return router;
}

const get = (router: Router, path = '/counter') => send(router.url, { method: 'GET', path });

t.test('requests are spread over all instances that are there', async (t) => {
  const router = await startRouter(t);
  const asked = [0, 0, 0];
  for (const index of asked.keys()) {
    const port = await startInstance(t, (_, response) => {
      asked[index]! += 1;
      response.end('{"count":1}');
    });
    router.add(`app.${index}`, '127.0.0.1', port);
  }
  for (let round = 0; round < 60; round += 1) {
    t.match(await get(router), { status: 200, count: 1 });
  }
  t.ok(
    asked.every((times) => times > 5),
    `${asked}`,
  );
  router.remove('app.0');
  t.strictSame(router.instances, ['app.1', 'app.2']);
  const [before] = asked;
  for (let round = 0; round < 20; round += 1) await get(router);
  t.equal(asked[0], before, 'none to one that was removed');
  t.strictSame(router.broken, []);
});

t.test('method, path, body, status and headers are passed on', async (t) => {
  const router = await startRouter(t);
  const port = await startInstance(t, async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method, url, headers } = incoming;
    response.writeHead(201, { 'x-of-instance': 'a', 'set-cookie': ['a=1', 'b=2'] });
    const own = [headers['idempotency-key'], headers['x-forwarded-proto'], headers['x-client-ip']];
    response.end(`${method} ${url} ${own} ${Buffer.concat(chunks)}`);
  });
  router.add('app.0', '127.0.0.1', port);
  const response = await fetch(`${router.url}/a?b=c`, {
    method: 'POST',
    headers: { 'idempotency-key': 'k' },
    body: 'text',
  });
  t.equal(response.status, 201);
  t.equal(response.headers.get('x-of-instance'), 'a');
  t.strictSame(response.headers.getSetCookie(), ['a=1', 'b=2']);
  t.equal(await response.text(), 'POST /a?b=c k,https,127.0.0.1 text');
});

t.test('a stream arrives while it is written, and ends with its client', async (t) => {
  const router = await startRouter(t);
  let write: (text: string) => void = () => {};
  let gone = false;
  const port = await startInstance(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    response.on('close', () => (gone = true));
    write = (text) => void response.write(text);
  });
  router.add('app.0', '127.0.0.1', port);
  const aborting = new AbortController();
  const response = await fetch(router.url, { signal: aborting.signal });
  const reader = response.body!.getReader();
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    write(text);
    t.equal(Buffer.from((await reader.read()).value!).toString(), text);
  }
  aborting.abort();
  await until(() => gone, { what: 'the end of the stream at the instance' });
  t.strictSame(router.broken, []);
});

t.test('an instance that breaks its connection breaks that of the client', async (t) => {
  const router = await startRouter(t);
  const port = await startInstance(t, (incoming, response) => {
    if (incoming.url === '/torn') response.write('half');
    // What was written is to arrive first.
    void setImmediate().then(() => incoming.socket.destroy());
  });
  router.add('app.0', '127.0.0.1', port);
  t.match(await get(router), { type: 'lost' });
  t.match(await get(router, '/torn'), { type: 'lost' });
  router.remove('app.0');
  router.add('app.1', '127.0.0.1', 1);
  t.match(await get(router), { type: 'lost' }, 'nor is a refused connection a response');
  t.strictSame(
    router.broken.map(({ instance }) => instance),
    ['app.0', 'app.0', 'app.1'],
  );
});

t.test('without an instance it says 503, and counts that', async (t) => {
  const router = await startRouter(t);
  t.match(await get(router), { type: 'answered', status: 503 });
  t.equal(router.unserved, 1);
});

t.test('what is under way at the removal of an instance is finished', async (t) => {
  const router = await startRouter(t);
  let finish: (() => void) | undefined;
  const port = await startInstance(t, (_, response) => {
    finish = () => response.end('{"count":9}');
  });
  router.add('app.0', '127.0.0.1', port);
  const answer = get(router);
  await until(() => finish !== undefined);
  t.equal(router.underWay('app.0'), 1);
  t.equal(router.underWay('app.1'), 0);
  router.remove('app.0');
  finish?.();
  t.match(await answer, { status: 200, count: 9 });
});

t.test('a client that leaves is no fault of the instance', async (t) => {
  const router = await startRouter(t);
  let arrived = false;
  let closed = false;
  const port = await startInstance(t, (_, response) => {
    arrived = true;
    response.on('close', () => (closed = true));
  });
  router.add('app.0', '127.0.0.1', port);
  const sent = request(router.url)
    .on('error', () => {})
    .end();
  await until(() => arrived);
  sent.destroy();
  await until(() => closed, { what: 'the end of the request at the instance' });
  t.strictSame(router.broken, []);
});
