import t from 'tap';
import {
  Connector,
  type ConnectorEvent,
  type ConnectorOptions,
} from '../../../lib/discovery/connector.ts';
import type { DiscoverySource } from '../../../lib/discovery/discovery.ts';
import {
  ConnectionError,
  type DialResult,
  HandshakeError,
} from '../../../lib/distribution/index.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const a = 'a@127.0.0.1';
const b = 'b@127.0.0.1';
const connected: DialResult = { connected: true };
const unreachable: DialResult = {
  connected: false,
  error: new ConnectionError('unreachable', 'nothing listens'),
};
const badCookie: DialResult = {
  connected: false,
  error: new HandshakeError('bad_cookie', 'wrong digest'),
};

/** A node whose dials answer as the test says, and a connector on a clock that stands still. */
function setUp(sources: DiscoverySource[], options: Partial<ConnectorOptions> = {}) {
  const clock = new FakeClock();
  const dials: string[] = [];
  const up = new Set<string>();
  const log: ConnectorEvent[] = [];
  const world = {
    answer: (_node: string): DialResult | Promise<DialResult> => connected,
  };
  const connector = new Connector({
    node: {
      name: 'me@127.0.0.1',
      isConnected: (node) => up.has(node),
      async connect(node) {
        dials.push(node);
        const result = await world.answer(node);
        if (result.connected) up.add(node);
        return result;
      },
    },
    ...{ sources, clock, random: () => 0.5, log: (event) => log.push(event) },
    ...options,
  });
  t.teardown(() => connector.stop());
  return { connector, clock, dials, up, log, world };
}

const fixed = (nodes: string[], name = 'static'): DiscoverySource => ({
  name,
  discover: async () => nodes,
});

t.test('start resolves when each discovered node has been dialled once', async (t) => {
  const { connector, dials, log, clock } = setUp([
    fixed([a, 'me@127.0.0.1']),
    fixed([a, b], 'other'),
  ]);
  await connector.start();
  t.same(dials, [a, b]);
  t.same(log, [
    { type: 'connected', node: a },
    { type: 'connected', node: b },
  ]);
  t.same(clock.delays, [2_000]);
  await t.rejects(connector.start(), /started before/);
});

t.test('a connected node is not dialled; one that went down is, in the next round', async (t) => {
  const { connector, dials, up, clock } = setUp([fixed([a])]);
  up.add(a);
  await connector.start();
  await clock.advance(10_000);
  t.same(dials, []);
  up.delete(a);
  await clock.advance(2_000);
  t.same(dials, [a]);
});

t.test('a failing node is dialled for ever, with growing pauses up to 30 s', async (t) => {
  const { connector, dials, clock, world, log } = setUp([fixed([a])]);
  const times: number[] = [];
  world.answer = () => {
    times.push(clock.now());
    return unreachable;
  };
  await connector.start();
  await clock.advance(200_000);
  const pauses = times.slice(1).map((time, index) => time - times[index]!);
  t.same(pauses.slice(0, 6), [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  t.equal(pauses.at(-1), 30_000);
  t.equal(dials.length, times.length);
  t.match(log[1], { type: 'dial_failed', node: a, failures: 2, retryInMs: 4_000 });
});

t.test('a start dials those that are there again, as long as there is hope', async (t) => {
  const live = (nodes: string[]): DiscoverySource => ({ ...fixed(nodes), namesLiveNodes: true });
  const here = setUp([live([a]), fixed([b], 'other')]);
  const answers = [unreachable, unreachable, connected];
  here.world.answer = (node) => (node === a ? answers.shift()! : unreachable);
  let started = false;
  void here.connector.start().then(() => {
    started = true;
  });
  await here.clock.advance(199);
  t.notOk(started);
  await here.clock.advance(1);
  t.ok(started);
  t.same(here.dials, [a, b, a, a], 'the other one has its pauses');
  t.same(here.clock.delays, [1_800]);

  const gone = setUp([live([a])]);
  gone.world.answer = () => unreachable;
  const given = gone.connector.start();
  await gone.clock.advance(500);
  await given;
  t.equal(gone.dials.length, 6);
  await gone.clock.advance(4_000);
  t.equal(gone.dials.length, 7, 'these do not make its pauses longer');

  const stranger = setUp([live([a])]);
  stranger.world.answer = () => badCookie;
  await stranger.connector.start();
  t.same(stranger.dials, [a]);

  const ended = setUp([live([a])]);
  ended.world.answer = () => unreachable;
  const ending = ended.connector.start();
  await settle();
  ended.connector.stop();
  await ending;
  await settle();
  t.same(ended.dials, [a]);
  t.equal(ended.clock.pending, 0);
});

t.test(
  'of very many nodes so many are dialled at once, and the others as soon as these are done',
  async (t) => {
    const nodes = Array.from({ length: 5 }, (_, at) => `n${at}@127.0.0.1`);
    const { connector, dials, world } = setUp([fixed(nodes)], { maxDials: 2 });
    const finish: ((result: DialResult) => void)[] = [];
    world.answer = () => new Promise((resolve) => finish.push(resolve));
    const started = connector.start();
    await settle();
    t.same(dials, nodes.slice(0, 2));
    finish.shift()?.(unreachable);
    await settle();
    t.same(dials, nodes.slice(0, 3));
    while (finish.length > 0) {
      finish.shift()?.(connected);
      await settle();
    }
    t.same(dials, nodes);
    await started;
  },
);

t.test('a stop leaves out the dials that wait for others', async (t) => {
  const { connector, dials, world } = setUp([fixed([a, b])], { maxDials: 1 });
  let finish: (result: DialResult) => void = () => {};
  world.answer = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  void connector.start();
  await settle();
  connector.stop();
  finish(connected);
  await settle();
  t.same(dials, [a]);
});

t.test('a thousand nodes that are gone are a few warnings and one that counts', async (t) => {
  const nodes = Array.from({ length: 1_000 }, (_, number) => `gone${number}@127.0.0.1`);
  const { connector, clock, world, log } = setUp([fixed(nodes)]);
  world.answer = () => unreachable;
  await connector.start();
  const failed = log.filter((event) => event.type === 'dial_failed');
  t.equal(failed.length, 1_000, 'each is an event all the same');
  t.equal(failed.filter(({ oneOfMany }) => !oneOfMany).length, 5);
  await clock.advance(10_000);
  const many = log.filter((event) => event.type === 'dials_failed');
  t.same(many, [{ type: 'dials_failed', count: 995, nodes: nodes.slice(5, 10) }]);
  connector.stop();
  t.equal(clock.pending, 0);
});

t.test('a success forgets earlier failures', async (t) => {
  const { connector, dials, clock, world, up } = setUp([fixed([a])]);
  const answers = [unreachable, unreachable, connected, unreachable, connected];
  world.answer = () => answers.shift() ?? connected;
  await connector.start();
  await clock.advance(6_000);
  t.equal(dials.length, 3);
  up.delete(a);
  await clock.advance(2_000);
  t.equal(dials.length, 4);
  await clock.advance(2_000);
  t.equal(dials.length, 5);
});

t.test('never two dials of one node at once; a slow dial holds up no other', async (t) => {
  const nodes = [a];
  const { connector, dials, clock, world } = setUp([fixed(nodes)]);
  let finish: (result: DialResult) => void = () => {};
  world.answer = (node) =>
    node === a
      ? new Promise((resolve) => {
          finish = resolve;
        })
      : connected;
  const started = connector.start();
  await settle();
  nodes.push(b);
  await clock.advance(7_999);
  t.same(dials, [a, b]);
  await clock.advance(1);
  await started;
  finish(connected);
  await clock.advance(10_000);
  t.same(dials, [a, b]);
});

t.test('a node found through EPMD that turns out to be another is not dialled again', async (t) => {
  const epmd = { ...fixed([a], 'epmd'), incarnationOf: () => '1' };
  const { connector, dials, clock, world } = setUp([epmd]);
  const error = new HandshakeError('wrong_node', 'another node answered');
  world.answer = () => ({ connected: false, error });
  await connector.start();
  await clock.advance(600_000);
  t.same(dials, [a]);
  connector.stop();
});

t.test(
  'a node found through EPMD that refuses us is left alone until its port changes',
  async (t) => {
    let tcpPort = '1';
    const epmd = { ...fixed([a], 'epmd'), incarnationOf: () => tcpPort };
    const { connector, dials, clock, world, log } = setUp([epmd]);
    world.answer = () => badCookie;
    await connector.start();
    await clock.advance(600_000);
    t.same(dials, [a]);
    t.match(log, [{ type: 'refused', node: a, error: { code: 'bad_cookie' } }]);
    tcpPort = '2';
    await clock.advance(2_000);
    t.same(dials, [a, a]);
  },
);

t.test('a node the operator named is dialled although it refuses us', async (t) => {
  const epmd = { ...fixed([a], 'epmd'), incarnationOf: () => '1' };
  const { connector, dials, clock, world, log } = setUp([epmd, fixed([a])]);
  world.answer = () => badCookie;
  await connector.start();
  await clock.advance(2_000);
  t.same(dials, [a, a]);
  t.match(log[0], { type: 'dial_failed', error: { code: 'bad_cookie' } });
});

t.test('a source that fails or hangs holds up no other', async (t) => {
  const failing: DiscoverySource = {
    name: 'failing',
    discover: () => Promise.reject(new Error('no')),
  };
  let aborted = false;
  const hanging: DiscoverySource = {
    name: 'hanging',
    discover: (signal) => {
      signal?.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise(() => {});
    },
  };
  const { connector, dials, clock, log } = setUp([failing, hanging, fixed([a])]);
  const started = connector.start();
  await clock.advance(5_000);
  await started;
  t.ok(aborted);
  t.same(dials, [a]);
  t.match(log, [
    { type: 'discovery_failed', source: 'failing' },
    { type: 'discovery_failed', source: 'hanging' },
    { type: 'connected' },
  ]);
});

t.test('a node nobody names any more leaves nothing behind', async (t) => {
  const nodes = [a];
  const { connector, dials, clock, world } = setUp([fixed(nodes)]);
  world.answer = () => unreachable;
  await connector.start();
  await clock.advance(14_000);
  t.equal(dials.length, 4);
  nodes.pop();
  await clock.advance(2_000);
  nodes.push(a);
  await clock.advance(2_000);
  t.equal(dials.length, 5, 'without waiting for the back-off of its former life');
});

t.test('stop ends everything, also in the middle of a round', async (t) => {
  const idle = setUp([fixed([a])]);
  await idle.connector.start();
  idle.connector.stop();
  idle.connector.stop();
  t.equal(idle.clock.pending, 0);

  let signal: AbortSignal | undefined;
  const hanging: DiscoverySource = {
    name: 'hanging',
    discover: (given) => {
      signal = given;
      return new Promise(() => {});
    },
  };
  const asking = setUp([hanging]);
  const started = asking.connector.start();
  await settle();
  asking.connector.stop();
  await started;
  await settle();
  t.equal(signal?.aborted, true);
  t.equal(asking.clock.pending, 0);
  t.same(asking.log, []);

  const dialling = setUp([fixed([a])]);
  let finish: (result: DialResult) => void = () => {};
  dialling.world.answer = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  const dialled = dialling.connector.start();
  await settle();
  dialling.connector.stop();
  await dialled;
  finish(unreachable);
  await settle();
  t.equal(dialling.clock.pending, 0);
  t.same(dialling.log, []);
});
