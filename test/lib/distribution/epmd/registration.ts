import t, { type Test } from 'tap';
import type { Registration } from '../../../../lib/distribution/epmd/client.ts';
import {
  type EpmdEvent,
  EpmdRegistration,
  type EpmdRegistrationOptions,
} from '../../../../lib/distribution/epmd/registration.ts';
import { type EpmdServer, startEpmdServer } from '../../../../lib/distribution/epmd/server.ts';
import { EpmdError } from '../../../../lib/distribution/errors.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { freePort } from '../../../support/free-ports.ts';
import { until } from '../../../support/until.ts';

const refusedConnection = () =>
  new EpmdError('unreachable', 'refused', {
    cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
  });
const inUse = () => Object.assign(new Error('in use'), { code: 'EADDRINUSE' });

/** A registration whose every step answers as the test's script says, and records what happened. */
function scripted(
  script: { register?: (number | Error)[]; serve?: (true | Error)[] },
  options: Partial<EpmdRegistrationOptions> = {},
) {
  const clock = new FakeClock();
  const events: string[] = [];
  const steps: string[] = [];
  let lose: (error: EpmdError) => void = () => {};
  const registration = new EpmdRegistration({
    ...{ name: 'alpha', tcpPort: 4711, epmdPort: 4369, allowEmbedded: true },
    ...{ listenHost: '127.0.0.1', clock },
    onEvent: (event: EpmdEvent) => events.push(event.type),
    async registerNode(): Promise<Registration> {
      steps.push('register');
      const next = script.register?.shift() ?? 100;
      if (next instanceof Error) throw next;
      return {
        creation: next,
        onLost(listener) {
          lose = listener;
          return () => {};
        },
        close: () => steps.push('close registration'),
      };
    },
    async startServer({ settlingMs }): Promise<EpmdServer> {
      steps.push('serve');
      t.equal(settlingMs, 300);
      const next = script.serve?.shift() ?? true;
      if (next instanceof Error) throw next;
      return {
        epmdPort: 4369,
        names: () => [],
        close: async () => {
          steps.push('close server');
        },
      };
    },
    ...options,
  });
  return {
    ...{ registration, clock, events, steps },
    lose: () => lose(new EpmdError('closed', 'lost')),
  };
}

t.test('registers with a mapper that is there', async (t) => {
  const { registration, steps, events, clock } = scripted({ register: [7] });
  t.equal(await registration.start(), 7);
  t.ok(registration.isRegistered);
  t.notOk(registration.isHosting);
  await registration.stop();
  await registration.stop();
  t.notOk(registration.isRegistered);
  t.same(steps, ['register', 'close registration']);
  t.same(events, ['registered']);
  t.equal(clock.pending, 0);
});

t.test(
  'hosts the server when nothing listens, and closes it after giving its name back',
  async (t) => {
    const { registration, steps, events } = scripted({ register: [refusedConnection(), 7] });
    t.equal(await registration.start(), 7);
    t.ok(registration.isHosting);
    await registration.stop();
    t.same(steps, ['register', 'serve', 'register', 'close registration', 'close server']);
    t.same(events, ['hosting', 'registered']);
  },
);

t.test('goes back to being a client when another node gets the port first', async (t) => {
  const script = { register: [refusedConnection(), 7], serve: [inUse()] };
  const { registration, steps, clock } = scripted(script);
  const started = registration.start();
  await clock.advance(50);
  t.equal(await started, 7);
  t.notOk(registration.isHosting);
  t.same(steps, ['register', 'serve', 'register']);
  await registration.stop();
});

t.test('the first registration fails without leaving anything', async (t) => {
  const taken = () => new EpmdError('name_taken', 'taken');
  const denied = Object.assign(new Error('denied'), { code: 'EACCES' });
  const cases = [
    { script: { register: [taken()] }, code: 'name_taken' },
    { script: { register: [refusedConnection(), taken()] }, code: 'name_taken' },
    { script: { register: [new EpmdError('timeout', 'slow')] }, code: 'timeout' },
    { script: { register: [refusedConnection()], serve: [denied] }, code: 'EACCES' },
    { script: { register: [refusedConnection()] }, code: 'unreachable', allowEmbedded: false },
  ];
  for (const { script, code, allowEmbedded = true } of cases) {
    const { registration, clock, steps } = scripted(script, { allowEmbedded });
    await t.rejects(registration.start(), { code });
    t.equal(clock.pending, 0);
    const count = (step: string) => steps.filter((other) => other === step).length;
    if (registration.isHosting) t.fail('still hosting');
    if (code === 'name_taken') t.equal(count('close server'), count('serve'));
    await t.rejects(registration.start(), /cannot start/);
  }
});

t.test(
  'registers again at once, in the end every 2 s for ever; the creation stays the first one',
  async (t) => {
    const failures = Array.from({ length: 8 }, () => new EpmdError('name_taken', 'taken'));
    const script = { register: [7, ...failures, new EpmdError('timeout', 'slow'), 8] };
    const { registration, clock, steps, events, lose } = scripted(script);
    t.equal(await registration.start(), 7);
    lose();
    t.notOk(registration.isRegistered);
    const delays: number[] = [];
    for (let attempt = 1; !registration.isRegistered; attempt += 1) {
      const [delayMs] = clock.delays;
      delays.push(delayMs!);
      await clock.advance(delayMs!);
      t.equal(steps.length, 1 + attempt);
    }
    t.same(delays, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000, 2_000]);
    const failed = Array.from({ length: 9 }, () => 'retry_failed');
    t.same(events, ['registered', 'lost', ...failed, 'registered']);
    lose();
    t.same(clock.delays, [50], 'the next time again');
    await registration.stop();
    t.equal(clock.pending, 0);
  },
);

t.test('a mapper that is giving up its port is followed by another within a moment', async (t) => {
  const reset = new EpmdError('unreachable', 'reset', {
    cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
  });
  for (const closing of [reset, new EpmdError('closed', 'closed')]) {
    const script = { register: [7, closing, closing, refusedConnection(), 8] };
    const { registration, clock, events, lose } = scripted(script);
    await registration.start();
    lose();
    await clock.advance(150);
    t.ok(registration.isRegistered);
    t.same(events, ['registered', 'lost', 'hosting', 'registered']);
    await registration.stop();
    t.equal(clock.pending, 0);
  }
});

t.test('takes over the server when its host has gone', async (t) => {
  const { registration, clock, events, lose } = scripted({ register: [7, refusedConnection(), 8] });
  await registration.start();
  lose();
  await clock.advance(2_000);
  t.ok(registration.isHosting);
  t.same(events, ['registered', 'lost', 'hosting', 'registered']);
  await registration.stop();
});

t.test('stopping while waiting, or while racing for the port, leaves nothing', async (t) => {
  const waiting = scripted({});
  await waiting.registration.start();
  waiting.lose();
  await waiting.registration.stop();
  await waiting.clock.advance(10_000);
  t.same(waiting.steps, ['register']);
  t.equal(waiting.clock.pending, 0);

  const racing = scripted({ register: [refusedConnection()], serve: [inUse()] });
  const started = racing.registration.start();
  const rejected = t.rejects(started);
  await settle();
  await racing.registration.stop();
  await rejected;
  t.equal(racing.clock.pending, 0);
});

t.test('stopping during an attempt aborts it', async (t) => {
  const { registration } = scripted(
    {},
    {
      registerNode: ({ signal }) =>
        new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(new EpmdError('closed', 'aborted')));
        }),
    },
  );
  const rejected = t.rejects(registration.start(), { code: 'closed' });
  await registration.stop();
  await rejected;
});

function live(t: Test, name: string, epmdPort: number, retryDelayMs = 20) {
  const registration = new EpmdRegistration({
    ...{ name, tcpPort: 4711, epmdPort, retryDelayMs },
    ...{ allowEmbedded: true, listenHost: '127.0.0.1' },
  });
  t.teardown(() => registration.stop());
  return registration;
}

t.test('five nodes in one process share a port, one after another hosts it', async (t) => {
  const epmdPort = await freePort();
  const nodes = ['a', 'b', 'c', 'd', 'e'].map((name) => live(t, name, epmdPort));
  const creations = await Promise.all(nodes.map((node) => node.start()));
  t.ok(creations.every((creation) => creation >= 4));
  while (nodes.length > 0) {
    const hosts = nodes.filter((node) => node.isHosting);
    t.equal(hosts.length, 1, `${nodes.length} nodes, one host`);
    nodes.splice(nodes.indexOf(hosts[0]!), 1);
    await hosts[0]!.stop();
    await until(
      () =>
        nodes.length === 0 ||
        (nodes.some((node) => node.isHosting) && nodes.every((node) => node.isRegistered)),
    );
  }
  const server = await startEpmdServer({ host: '127.0.0.1', epmdPort });
  await server.close();
});

t.test('a second node of the same name is name_taken', async (t) => {
  const epmdPort = await freePort();
  await live(t, 'a', epmdPort).start();
  await t.rejects(live(t, 'a', epmdPort).start(), { code: 'name_taken' });
});
