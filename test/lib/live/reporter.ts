import t, { type Test } from 'tap';
import { Reporter } from '../../../lib/live/reporter.ts';
import { PubSub } from '../../../lib/pubsub/pubsub.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A reporter of `a@h`, and all that it publishes. */
async function make(t: Test) {
  const clock = new FakeClock();
  const telemetry = new Telemetry();
  const pubsub = await PubSub.start();
  const heard: { topic: string; message: unknown }[] = [];
  const hear = (message: unknown, topic: string) => heard.push({ topic, message });
  for (const topic of ['cluster:status', 'cluster:events', 'cluster:load']) {
    pubsub.subscribe(topic, hear);
  }
  const peers: string[] = [];
  const world = { memoryBytes: () => 1000 };
  const reporter = new Reporter({
    ...{ node: 'a@h', incarnation: 'a@h/1', version: '1.2.3', runtime: 'Node.js 24' },
    ...{ peers: () => peers, memoryBytes: () => world.memoryBytes(), telemetry, pubsub, clock },
    now: () => 5000 + clock.now(),
  });
  t.teardown(() => reporter.stop());
  return { clock, telemetry, pubsub, peers, reporter, heard, world };
}

const answered = (telemetry: Telemetry, route: string | undefined, status = 200, durationMs = 2) =>
  telemetry.execute('http.request.stop', { durationMs }, { route, status });

t.test('tells its status at the start, and every five seconds', async (t) => {
  const { clock, peers, reporter, heard } = await make(t);
  peers.push('b@h');
  reporter.start();
  const status = {
    ...{ node: 'a@h', incarnation: 'a@h/1', startedAt: 5000, version: '1.2.3' },
    ...{ runtime: 'Node.js 24', memoryBytes: 1000, connections: 1, peers: ['b@h'] },
  };
  t.strictSame(heard.splice(0), [{ topic: 'cluster:status', message: status }]);
  await clock.advance(4999);
  t.strictSame(heard, []);
  await clock.advance(1);
  t.strictSame(heard, [{ topic: 'cluster:status', message: status }]);
});

t.test('tells it again and again when a node has come up that may not hear it yet', async (t) => {
  const { clock, reporter, heard } = await make(t);
  reporter.announce();
  await clock.advance(1000);
  t.equal(heard.length, 4);
  await clock.advance(60_000);
  t.equal(heard.length, 4);
});

t.test(
  'memory that cannot be read, as without a free descriptor, is unknown for once',
  async (t) => {
    const { clock, reporter, heard, world } = await make(t);
    reporter.start();
    world.memoryBytes = () => {
      throw new Error('EMFILE: too many open files, uv_resident_set_memory');
    };
    await clock.advance(5000);
    world.memoryBytes = () => 2000;
    await clock.advance(5000);
    t.match(
      heard.map(({ message }) => message),
      [{ memoryBytes: 1000 }, { memoryBytes: null }, { memoryBytes: 2000 }],
    );
  },
);

t.test('lists no more peers than others accept', async (t) => {
  const { peers, reporter } = await make(t);
  for (let i = 0; i < 100; i += 1) peers.push(`n${i}@h`);
  t.match(reporter.status(), { connections: 100, peers: { length: 64 } });
});

t.test('tells the load of the service, and that it has ended', async (t) => {
  const { telemetry, reporter, heard } = await make(t);
  reporter.start();
  heard.length = 0;
  reporter.tellLoad();
  t.strictSame(heard, [], 'nothing of nothing');
  answered(telemetry, '/counter/increment');
  answered(telemetry, '/counter/increment', 503);
  answered(telemetry, '/counter');
  for (const route of ['/events', '/dashboard', '/dashboard/:version/:file', '/health', '/ready']) {
    answered(telemetry, route, 200, 60_000);
  }
  answered(telemetry, undefined, 404);
  reporter.tellLoad();
  t.match(heard.splice(0), [
    { topic: 'cluster:load', message: { node: 'a@h', requests: 3, increments: 1 } },
  ]);
  reporter.tellLoad();
  reporter.tellLoad();
  t.match(heard, [{ topic: 'cluster:load', message: { requests: 0, p99Ms: 0 } }], 'once');
});

t.test('tells what happens, with an id that is never used again', async (t) => {
  const { telemetry, reporter, heard } = await make(t);
  reporter.start();
  heard.length = 0;
  const down = { node: 'a@h', peer: 'b@h', visible: true, reason: 'connection_closed' };
  telemetry.execute('distribution.node.down', {}, down);
  telemetry.execute('counter.merged', { added: 2 }, { node: 'a@h', peer: 'b@h' });
  t.match(heard, [
    {
      topic: 'cluster:events',
      message: { id: 'a@h/1/1', at: 5000, node: 'a@h', type: 'nodedown', about: 'b@h' },
    },
    { topic: 'cluster:events', message: { id: 'a@h/1/2', type: 'merge', detail: '2' } },
  ]);
});

t.test('a node that has made itself known hears who we are and what happened', async (t) => {
  const { telemetry, pubsub, reporter } = await make(t);
  reporter.start();
  for (let i = 0; i < 100; i += 1) {
    telemetry.execute('supervisor.child.restarted', {}, { childId: `child-${i}` });
  }
  const heard: unknown[] = [];
  pubsub.subscribe('cluster:status', (message) => heard.push(message));
  pubsub.subscribe('cluster:events', (message) => heard.push(message));
  // To ourselves, since it is delivered at once then.
  reporter.greet('nonode@nohost');
  t.equal(heard.length, 1 + 32, 'bounded');
  t.match(heard[0], { runtime: 'Node.js 24' });
  t.match(heard.at(-1), { about: 'child-99' });
});

t.test('between two pubsubs nobody is told, and nothing fails', async (t) => {
  const { telemetry, pubsub, reporter, heard } = await make(t);
  reporter.start();
  await pubsub.stop();
  heard.length = 0;
  telemetry.execute('supervisor.child.restarted', {}, { childId: 'pubsub' });
  reporter.tellStatus();
  t.strictSame(heard, []);
  const next = await PubSub.start();
  const again: unknown[] = [];
  next.subscribe('cluster:status', (message) => again.push(message));
  reporter.use(next);
  reporter.tellStatus();
  t.match(again, [{ node: 'a@h' }]);
});

t.test('after its stop it tells nothing, and holds nothing', async (t) => {
  const { clock, telemetry, reporter, heard } = await make(t);
  reporter.start();
  reporter.announce();
  reporter.stop();
  heard.length = 0;
  telemetry.execute('supervisor.child.restarted', {}, { childId: 'x' });
  await clock.advance(60_000);
  t.strictSame(heard, []);
  t.equal(clock.pending, 0);
  t.notOk(telemetry.hasHandlers('http.request.stop'));
});
