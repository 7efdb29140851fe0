import type { IntervalHistogram } from 'node:perf_hooks';
import t from 'tap';
import { Poller, type PollerOptions } from '../../../lib/telemetry/poller.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';

class FakeHistogram {
  readonly calls: string[] = [];
  mean = Number.NaN;
  max = 0;
  percentile(percentile: number): number {
    return percentile * 1e6;
  }
  enable(): boolean {
    this.calls.push('enable');
    return true;
  }
  disable(): boolean {
    this.calls.push('disable');
    return true;
  }
  reset(): void {
    this.calls.push('reset');
    this.mean = Number.NaN;
  }
}

function setUp(options: Partial<PollerOptions> = {}) {
  const telemetry = new Telemetry();
  const seen: [string, unknown, unknown][] = [];
  telemetry.attach('test', ['vm.*', 'x.*', 'telemetry.*'], (...args) => seen.push(args));
  const histogram = new FakeHistogram();
  const timers: { intervalMs: number; fn: () => void; cancelled: boolean }[] = [];
  const poller = new Poller({
    telemetry,
    memoryUsage: () => ({ rss: 1, heapUsed: 2, heapTotal: 3, external: 4, arrayBuffers: 5 }),
    eventLoopDelay: () => histogram as unknown as IntervalHistogram,
    every: (intervalMs, fn) => {
      const timer = { intervalMs, fn, cancelled: false };
      timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
    ...options,
  });
  return { telemetry, seen, histogram, timers, poller };
}

t.test('measures memory at each tick of its interval', async (t) => {
  const { seen, timers, poller } = setUp({ intervalMs: 7 });
  poller.start();
  t.equal(timers[0]?.intervalMs, 7);
  t.same(seen, []);
  timers[0]?.fn();
  t.same(seen, [
    ['vm.memory', { rssBytes: 1, heapUsedBytes: 2, heapTotalBytes: 3, externalBytes: 4 }, {}],
  ]);
});

t.test('measures by how much the event loop was late since the poll before', async (t) => {
  const { seen, histogram, poller } = setUp();
  poller.start();
  histogram.mean = 19e6;
  histogram.max = 29e6;
  poller.poll();
  t.same(seen[1], ['vm.event_loop_delay', { meanMs: 0, p50Ms: 30, p99Ms: 79, maxMs: 9 }, {}]);
  poller.poll();
  t.equal(seen.length, 3, 'an empty histogram says nothing');
  t.same(histogram.calls, ['enable', 'reset', 'reset']);
});

t.test('sources come and go', async (t) => {
  const { seen, poller } = setUp({ sources: [{ event: 'x.a', measure: () => ({ n: 1 }) }] });
  const remove = poller.add({ event: 'x.b', measure: () => ({ n: 2 }), metadata: { of: 'b' } });
  poller.poll();
  remove();
  poller.poll();
  const ours = seen.filter(([event]) => event.startsWith('x.'));
  t.same(ours, [
    ['x.a', { n: 1 }, {}],
    ['x.b', { n: 2 }, { of: 'b' }],
    ['x.a', { n: 1 }, {}],
  ]);
});

t.test('a source that nobody listens to is not asked', async (t) => {
  const { poller } = setUp({
    sources: [{ event: 'unheard.of', measure: () => t.fail('asked') as never }],
  });
  poller.poll();
});

t.test('a source that fails is reported and removed; the others go on', async (t) => {
  const error = new Error('no');
  const { seen, poller } = setUp({
    sources: [
      {
        event: 'x.bad',
        measure: () => {
          throw error;
        },
      },
      { event: 'x.good', measure: () => ({ n: 1 }) },
    ],
  });
  poller.poll();
  poller.poll();
  const ours = seen.filter(([event]) => event !== 'vm.memory');
  t.same(ours, [
    ['telemetry.poller.failure', {}, { event: 'x.bad', error }],
    ['x.good', { n: 1 }, {}],
    ['x.good', { n: 1 }, {}],
  ]);
});

t.test('stop releases timer and monitor; a poller may start again', async (t) => {
  const { histogram, timers, poller } = setUp();
  poller.stop();
  poller.start();
  poller.start();
  poller.stop();
  poller.stop();
  t.equal(timers.length, 1);
  t.ok(timers[0]?.cancelled);
  t.same(histogram.calls, ['enable', 'disable']);
  poller.start();
  t.equal(timers.length, 2);
  poller.stop();
});

t.test('with the real monitor and timer it measures, and keeps nothing alive', async (t) => {
  const telemetry = new Telemetry();
  const seen = new Set<string>();
  telemetry.attach('test', 'vm.*', (event) => seen.add(event));
  const poller = new Poller({ telemetry, intervalMs: 25 });
  poller.start();
  while (seen.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  poller.stop();
  t.same([...seen].sort(), ['vm.event_loop_delay', 'vm.memory']);
  // Not stopped: the test process ends all the same, because the timer is unref'd.
  new Poller({ telemetry }).start();
});
