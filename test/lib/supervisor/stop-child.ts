import t from 'tap';
import type { Shutdown } from '../../../lib/supervisor/child-spec.ts';
import { exitOf, stopChild } from '../../../lib/supervisor/stop-child.ts';
import { type FakeBehaviour, FakeChild } from '../../support/fake-child.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

function setUp(shutdown: Shutdown, behaviour: FakeBehaviour = {}) {
  const log: string[] = [];
  const clock = new FakeClock();
  const killed = new AbortController();
  const child = new FakeChild('a', log, behaviour);
  const stop = () =>
    stopChild(child, { shutdown, clock, killTimeoutMs: 50, killed: killed.signal });
  return { log, clock, killed, child, stop };
}

const ignoring = () => {};

t.test('a child that ends when asked has exited', async (t) => {
  for (const shutdown of [100, 'infinity'] as const) {
    const { log, clock, stop } = setUp(shutdown);
    t.match(await stop(), { type: 'exited', reason: { type: 'shutdown' }, timedOut: false });
    t.same(log, ['shutdown a']);
    t.equal(clock.pending, 0);
  }
});

t.test('a child that does not end in time is killed, not a millisecond earlier', async (t) => {
  const { log, clock, stop } = setUp(100, { onShutdown: ignoring });
  const stopping = stop();
  await clock.advance(99);
  t.same(log, ['shutdown a']);
  await clock.advance(1);
  t.match(await stopping, { type: 'killed', reason: { type: 'killed' }, timedOut: true });
  t.equal(clock.pending, 0);
});

t.test('infinity sets no deadline', async (t) => {
  const { log, clock, child, stop } = setUp('infinity', { onShutdown: ignoring });
  const stopping = stop();
  t.equal(clock.pending, 0);
  await clock.advance(1e9);
  t.same(log, ['shutdown a']);
  child.end({ type: 'normal' });
  t.match(await stopping, { type: 'exited', reason: { type: 'normal' } });
});

t.test('brutal_kill does not ask', async (t) => {
  const { log, clock, stop } = setUp('brutal_kill');
  t.match(await stop(), { type: 'killed', timedOut: false });
  t.same(log, ['kill a']);
  t.equal(clock.pending, 0);
});

t.test('a child that survives kill is abandoned', async (t) => {
  const { clock, stop } = setUp('brutal_kill', { onKill: ignoring });
  const stopping = stop();
  await clock.advance(50);
  const outcome = await stopping;
  t.match(outcome, { type: 'abandoned', timedOut: false });
  t.notOk('reason' in outcome);
  t.equal(clock.pending, 0);
});

t.test('killing the supervisor ends the wait for an orderly end', async (t) => {
  const { log, clock, killed, stop } = setUp('infinity', { onShutdown: ignoring });
  const stopping = stop();
  await settle();
  killed.abort();
  t.match(await stopping, { type: 'killed', timedOut: false });
  t.same(log, ['shutdown a', 'kill a']);
  t.equal(clock.pending, 0);
});

t.test('a supervisor that is killed while it asks, or before, does not wait', async (t) => {
  const during: ReturnType<typeof setUp> = setUp('infinity', {
    onShutdown: () => during.killed.abort(),
  });
  t.match(await during.stop(), { type: 'killed' });
  const before = setUp('infinity', { onShutdown: ignoring });
  before.killed.abort();
  t.match(await before.stop(), { type: 'killed' });
  t.same(before.log, ['kill a']);
});

t.test('what shutdown and kill throw is reported, and the child killed at once', async (t) => {
  const [first, second] = [new Error('shutdown'), new Error('kill')];
  const { clock, stop } = setUp(100, {
    onShutdown: () => {
      throw first;
    },
    onKill: () => {
      throw second;
    },
  });
  const stopping = stop();
  await clock.advance(50);
  t.match(await stopping, { type: 'abandoned', errors: [first, second] });
});

t.test('an exited promise that rejects counts as an error', async (t) => {
  const error = new Error('no');
  const child = { exited: Promise.reject(error), shutdown: ignoring, kill: ignoring };
  t.same(await exitOf(child), { type: 'error', error });
});
