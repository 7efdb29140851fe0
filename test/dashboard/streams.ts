/** `GET /events` over real HTTP: many clients, clients that leave, that return, that do not read. */
import t, { type Test } from 'tap';
import { Application } from '../../lib/application.ts';
import { loadConfig } from '../../lib/config.ts';
import { EventStream } from '../../lib/live/event-stream.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { EventSourceClient } from '../support/event-source.ts';
import { freePort } from '../support/free-ports.ts';
import { RawClient, startServer } from '../support/http-client.ts';
import { startProgram } from '../support/program.ts';
import { until } from '../support/until.ts';

async function start(t: Test): Promise<Application> {
  const application = await Application.start({
    config: loadConfig({
      argv: [],
      env: { PORT: '0', HOST: '127.0.0.1' },
      readFile: () => undefined,
    }),
    cookie: undefined,
    telemetry: new Telemetry(),
  });
  t.teardown(() => application.stop());
  return application;
}

async function open(t: Test, { url }: Pick<Application, 'url'>, lastEventId?: string) {
  const client = await EventSourceClient.open(`${url}/events`, lastEventId);
  t.teardown(() => client.close());
  return client;
}

const counts = (data: string, count: number): boolean => data.includes(`"count":${count},`);

t.test('a client is told everything, then each change, and nothing may keep it back', async (t) => {
  const application = await start(t);
  const client = await open(t, application);
  t.match(client.headers, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'content-length': undefined,
  });
  const snapshot: unknown = JSON.parse(await client.event('snapshot'));
  t.match(snapshot, { self: 'nonode@nohost', nodes: [{ name: 'nonode@nohost', kind: 'node' }] });
  t.ok(client.lines.includes('retry: 1000'));
  application.pubsub?.broadcast('counter', { count: 7, node: 'nonode@nohost' });
  await client.event('counter', (data) => counts(data, 7));
});

t.test('HEAD answers with the same headers, and without a stream', async (t) => {
  const application = await start(t);
  const response = await fetch(`${application.url}/events`, { method: 'HEAD' });
  t.equal(response.status, 200);
  t.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  t.equal(await response.text(), '');
});

t.test(
  'a client that returns gets what it missed; after a restart of the node, everything',
  async (t) => {
    const application = await start(t);
    const first = await open(t, application);
    await first.event('snapshot');
    first.close();
    await first.ended;
    application.pubsub?.broadcast('counter', { count: 1, node: 'nonode@nohost' });
    const second = await open(t, application, first.lastEventId);
    await second.event('counter', (data) => counts(data, 1));
    t.notOk(second.events.some(({ type }) => type === 'snapshot'));

    const restarted = await start(t);
    const third = await open(t, restarted, second.lastEventId);
    await third.event('snapshot');
    t.equal(third.events[0]?.type, 'snapshot', 'before anything else');
  },
);

t.test('300 clients at once are told the same, and all at once leave nothing behind', async (t) => {
  const application = await start(t);
  const clients = await Promise.all(Array.from({ length: 300 }, () => open(t, application)));
  await Promise.all(clients.map((client) => client.event('snapshot')));
  for (let count = 1; count <= 20; count += 1) {
    application.pubsub?.broadcast('counter', { count, node: 'nonode@nohost' });
  }
  await Promise.all(clients.map((client) => client.event('counter', (data) => counts(data, 20))));
  const [first] = clients;
  const seen = (client: EventSourceClient | undefined) =>
    client?.events.filter(({ type }) => type === 'counter').map(({ id }) => id);
  for (const client of clients) t.strictSame(seen(client), seen(first));

  const began = performance.now();
  const stopped = application.stop();
  const ends = await Promise.all(clients.map(({ ended }) => ended));
  await stopped;
  t.ok(ends.every((end) => end === 'complete'));
  t.ok(performance.now() - began < 3000, 'well within the time that a stop has');
});

t.test(
  'a client that does not read is cut off; others are not disturbed, and it may return',
  async (t) => {
    const stream = new EventStream({
      ...{ incarnation: 'a@h/1', snapshot: () => '{}' },
      ...{ maxEvents: 4, maxBytes: 8 * 1024 * 1024 },
    });
    t.teardown(() => stream.close());
    const { server, metadata, told } = await startServer(
      t,
      (_request, scope) => ({
        ...{ status: 200, headers: {}, endless: true },
        body: stream.open(scope.header('last-event-id')) ?? null,
      }),
      { stallMs: 500 },
    );
    const slow = await RawClient.connect(t, server);
    slow.send('GET / HTTP/1.1', 'Host: x', '', '');
    await slow.until(/snapshot/);
    slow.socket.pause();
    const quick = await EventSourceClient.open(server.url);
    t.teardown(() => quick.close());
    await quick.event('snapshot');

    const data = 'x'.repeat(256 * 1024);
    let published = 0;
    await Promise.all([
      told('http.request.stop'),
      until(async () => {
        if (published < 200) {
          stream.publish('filler', data);
          published += 1;
          await quick.event('filler', () => quick.events.length > published);
        }
        return metadata('http.request.stop').length > 0;
      }),
    ]);
    t.match(metadata('http.request.stop'), [{ aborted: true, error: undefined }]);
    t.equal(stream.readers, 1, 'the quick one');

    const again = await EventSourceClient.open(server.url, 'a@h/1/0');
    t.teardown(() => again.close());
    await again.event('snapshot');
  },
);

t.test('SIGTERM does not wait for open streams, and they end in order', async (t) => {
  const program = await startProgram({
    env: { HOST: '127.0.0.1', ERL_EPMD_PORT: String(await freePort()) },
  });
  t.teardown(() => program.kill('SIGKILL'));
  const clients = await Promise.all(Array.from({ length: 20 }, () => open(t, program)));
  await Promise.all(clients.map((client) => client.event('snapshot')));
  const silent = await open(t, program);
  const began = performance.now();
  t.equal(await program.kill('SIGTERM'), 0);
  t.ok(performance.now() - began < 4000, 'before the time for requests under way is up');
  for (const client of [...clients, silent]) t.equal(await client.ended, 'complete');
});
