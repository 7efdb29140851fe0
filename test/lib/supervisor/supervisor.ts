import t from 'tap';
import type { ExitReason } from '../../../lib/supervisor/child.ts';
import type { ChildSpec, StartAnswer } from '../../../lib/supervisor/child-spec.ts';
import type { SupervisorError } from '../../../lib/supervisor/errors.ts';
import { Supervisor, type SupervisorOptions } from '../../../lib/supervisor/supervisor.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { FakeChildren } from '../../support/fake-child.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

/** A supervisor over the given children that records its telemetry. */
function setUp(
  make: (children: FakeChildren) => ChildSpec[],
  options: Partial<SupervisorOptions> = {},
) {
  const children = new FakeChildren();
  const clock = new FakeClock();
  const telemetry = new Telemetry();
  const events: { event: string; measurements: unknown; metadata: Record<string, unknown> }[] = [];
  telemetry.attach('test', 'supervisor.*', (event, measurements, metadata) => {
    events.push({ event, measurements, metadata });
  });
  const start = () =>
    Supervisor.start({
      name: 'top',
      children: make(children),
      clock,
      telemetry,
      killTimeoutMs: 50,
      ...options,
    });
  return { children, clock, events, start };
}

const abc = (children: FakeChildren) => ['a', 'b', 'c'].map((id) => children.spec(id));

/** Whether a promise is still pending after everything that can happen has happened. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  promise.finally(() => {
    pending = false;
  });
  await settle();
  return pending;
}

function running(supervisor: Supervisor): string[] {
  return supervisor
    .whichChildren()
    .filter(({ child }) => typeof child === 'object')
    .map(({ id }) => id);
}

t.test('start', async (t) => {
  t.test('starts the children in order, each after the one before it', async (t) => {
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { children, start } = setUp((make) => [
      make.spec('a', { start: (_nth, child) => gate.then(child) }),
      make.spec('b'),
    ]);
    const starting = start();
    await settle();
    t.same(children.log, ['start a']);
    release();
    t.same(running(await starting), ['a', 'b']);
  });

  t.test('stops in reverse order what had been started when a start fails', async (t) => {
    const cause = new Error('port in use');
    const { children, events, start } = setUp((make) => [
      make.spec('a'),
      make.spec('b'),
      make.spec('c', {
        start: () => {
          throw cause;
        },
      }),
      make.spec('d'),
    ]);
    await t.rejects(start(), {
      code: 'start_failed',
      childId: 'c',
      cause,
      message: 'supervisor "top" could not start child "c": port in use',
    });
    t.same(children.log, ['start a', 'start b', 'start c', 'shutdown b', 'shutdown a']);
    t.match(
      events.find(({ event }) => event === 'supervisor.child.start_failed'),
      { metadata: { supervisor: 'top', childId: 'c', error: cause } },
    );
  });

  t.test('a child that ended meanwhile does not disturb the clean-up', async (t) => {
    const { children, start } = setUp((make) => [
      make.spec('a'),
      make.spec('b', {
        start: async () => {
          make.get('a').crash();
          await settle();
          throw new Error('no');
        },
      }),
    ]);
    await t.rejects(start(), { code: 'start_failed', childId: 'b' });
    t.same(children.log, ['start a', 'start b', 'shutdown a']);
  });

  t.test('a child that ends while others are still being started is restarted after', async (t) => {
    const { children, start } = setUp((make) => [
      make.spec('a'),
      make.spec('b', {
        start: async (_nth, child) => {
          make.get('a').crash();
          await settle();
          return child();
        },
      }),
    ]);
    const supervisor = await start();
    await settle();
    t.same(children.log, ['start a', 'start b', 'start a']);
    supervisor.shutdown();
    await supervisor.exited;
  });

  t.test('a start that ignores stays on the list without running', async (t) => {
    const ignore = { start: () => 'ignore' as const };
    const { start } = setUp((make) => [
      make.spec('a', ignore),
      make.spec('b', { ...ignore, restart: 'temporary' }),
      make.spec('c'),
    ]);
    const supervisor = await start();
    t.match(supervisor.whichChildren(), [
      { id: 'a', type: 'worker', child: undefined },
      { id: 'c', type: 'worker', child: {} },
    ]);
    t.same(supervisor.countChildren(), { specs: 2, active: 1, supervisors: 0, workers: 2 });
  });

  t.test('an aborted signal abandons the start', async (t) => {
    const controller = new AbortController();
    const reason = new Error('SIGTERM');
    const { children, start } = setUp(
      (make) => [
        make.spec('a', {
          start: (_nth, child) => {
            controller.abort(reason);
            return child();
          },
        }),
        make.spec('b'),
      ],
      { signal: controller.signal },
    );
    await t.rejects(start(), { code: 'aborted', cause: reason });
    t.same(children.log, ['start a', 'shutdown a']);
  });

  t.test('wrong options start nothing', async (t) => {
    const start = () => t.fail('started');
    const child = { id: 'a', start } as unknown as ChildSpec;
    const wrong = (options: object) =>
      Supervisor.start({ name: 'top', children: [child], ...options });
    await t.rejects(wrong({ strategy: 'all' }), /strategy must be/);
    await t.rejects(wrong({ intensity: -1 }), /intensity must be/);
    await t.rejects(wrong({ periodMs: 0 }), /periodMs must be/);
    await t.rejects(wrong({ children: [child, child] }), /occurs more than once/);
  });
});

t.test('strategies', async (t) => {
  t.test('one_for_one restarts only the child that ended', async (t) => {
    const { children, start } = setUp(abc);
    await start();
    children.takeLog();
    children.get('b').crash();
    await settle();
    t.same(children.log, ['start b']);
  });

  t.test('one_for_all stops the others in reverse order and starts all in order', async (t) => {
    const { children, start } = setUp(abc, { strategy: 'one_for_all' });
    await start();
    children.takeLog();
    children.get('b').crash();
    await settle();
    t.same(children.log, ['shutdown c', 'shutdown a', 'start a', 'start b', 'start c']);
  });

  t.test('rest_for_one restarts the child and those after it', async (t) => {
    const { children, start } = setUp(abc, { strategy: 'rest_for_one' });
    await start();
    children.takeLog();
    children.get('b').crash();
    await settle();
    t.same(children.log, ['shutdown c', 'start b', 'start c']);
  });

  t.test('a group restart forgets temporary children and starts idle ones', async (t) => {
    const { children, start } = setUp(
      (make) => [
        make.spec('a'),
        make.spec('b', { restart: 'temporary' }),
        make.spec('c', { restart: 'transient' }),
      ],
      { strategy: 'one_for_all' },
    );
    const supervisor = await start();
    children.get('c').end({ type: 'normal' });
    await settle();
    t.same(running(supervisor), ['a', 'b']);
    children.takeLog();
    children.get('a').crash();
    await settle();
    t.same(children.log, ['shutdown b', 'start a', 'start c']);
    t.same(running(supervisor), ['a', 'c']);
    t.equal(supervisor.countChildren().specs, 2);
  });

  t.test('a group restart waits for each stop before the next', async (t) => {
    const { children, start } = setUp(
      (make) => [make.spec('a'), make.spec('b'), make.spec('c', { onShutdown: () => {} })],
      { strategy: 'one_for_all' },
    );
    await start();
    children.takeLog();
    children.get('a').crash();
    await settle();
    t.same(children.log, ['shutdown c']);
    children.get('c').end({ type: 'shutdown' });
    await settle();
    t.same(children.log, ['shutdown c', 'shutdown b', 'start a', 'start b', 'start c']);
  });
});

t.test('restart values', async (t) => {
  const reasons: ExitReason[] = [
    { type: 'normal' },
    { type: 'shutdown' },
    { type: 'killed' },
    { type: 'error', error: new Error('no') },
  ];
  const cases = [
    { restart: 'permanent', restarted: [true, true, true, true], kept: true },
    { restart: 'transient', restarted: [false, false, true, true], kept: true },
    { restart: 'temporary', restarted: [false, false, false, false], kept: false },
  ] as const;
  for (const { restart, restarted, kept } of cases) {
    for (const [index, reason] of reasons.entries()) {
      t.test(`a ${restart} child that ends with ${reason.type}`, async (t) => {
        const { children, events, start } = setUp((make) => [make.spec('a', { restart })]);
        const supervisor = await start();
        children.get('a').end(reason);
        await settle();
        t.equal(children.all('a').length, restarted[index] ? 2 : 1);
        t.equal(supervisor.countChildren().specs, kept ? 1 : 0);
        t.match(events[1], {
          event: 'supervisor.child.exited',
          metadata: { childId: 'a', restart, reason, willRestart: restarted[index] },
        });
      });
    }
  }

  t.test('an exited promise that rejects counts as an error', async (t) => {
    const error = new Error('no');
    const child = { exited: Promise.reject(error), shutdown: () => {}, kill: () => {} };
    const { events, start } = setUp((make) => [
      make.spec('a', { restart: 'temporary', start: () => child }),
    ]);
    await start();
    await settle();
    t.match(events[1], { metadata: { reason: { type: 'error', error } } });
  });
});

t.test('intensity', async (t) => {
  t.test('too many restarts stop all children in reverse order and end in an error', async (t) => {
    const { children, events, start } = setUp(abc);
    const supervisor = await start();
    for (let restart = 1; restart <= 3; restart += 1) {
      children.get('b').crash();
      await settle();
      t.equal(children.all('b').length, restart + 1);
    }
    children.takeLog();
    children.get('b').crash('the fourth');
    const reason = (await supervisor.exited) as { type: 'error'; error: SupervisorError };
    t.same(children.log, ['shutdown c', 'shutdown a']);
    t.equal(reason.type, 'error');
    t.match(reason.error, {
      code: 'intensity_exceeded',
      childId: 'b',
      message:
        'supervisor "top" gave up after more than 3 restarts in 5000 ms; ' +
        'last child "b" ended with error: the fourth',
      cause: { message: 'the fourth' },
    });
    t.match(
      events.find(({ event }) => event === 'supervisor.intensity_exceeded'),
      { measurements: { intensity: 3, periodMs: 5000 }, metadata: { childId: 'b' } },
    );
  });

  t.test('restarts of all children count together', async (t) => {
    const { children, start } = setUp(abc, { intensity: 2 });
    const supervisor = await start();
    for (const id of ['a', 'b', 'c']) {
      children.get(id).crash();
      await settle();
    }
    t.match(await supervisor.exited, { error: { code: 'intensity_exceeded', childId: 'c' } });
  });

  t.test('restarts that lie far enough apart go on for ever', async (t) => {
    const { children, clock, start } = setUp(abc, { intensity: 1, periodMs: 100 });
    const supervisor = await start();
    for (let restart = 1; restart <= 10; restart += 1) {
      children.get('a').crash();
      await clock.advance(101);
    }
    t.equal(children.all('a').length, 11);
    t.ok(await isPending(supervisor.exited));
  });

  t.test('a restart of several children counts once', async (t) => {
    const { children, start } = setUp(abc, { strategy: 'one_for_all', intensity: 1 });
    const supervisor = await start();
    children.get('a').crash();
    await settle();
    t.same(running(supervisor), ['a', 'b', 'c']);
  });
});

t.test('a restart whose start fails', async (t) => {
  /** Starts well the first time, then fails `failures` times. */
  const failing = (failures: number) => ({
    start: (nth: number, child: () => StartAnswer) => {
      if (nth > 1 && nth <= failures + 1) throw new Error(`failure ${nth - 1}`);
      return child();
    },
  });

  t.test('is tried again', async (t) => {
    const { children, events, start } = setUp((make) => [make.spec('a', failing(2))]);
    const supervisor = await start();
    children.get('a').crash();
    await settle();
    t.same(children.log, ['start a', 'start a', 'start a', 'start a']);
    t.same(running(supervisor), ['a']);
    t.same(
      events.map(({ event }) => event.replace('supervisor.child.', '')),
      ['started', 'exited', 'start_failed', 'start_failed', 'restarted'],
    );
  });

  t.test('counts against the intensity each time', async (t) => {
    const { children, start } = setUp((make) => [make.spec('a', failing(9)), make.spec('b')]);
    const supervisor = await start();
    children.takeLog();
    children.get('a').crash();
    t.match(await supervisor.exited, {
      type: 'error',
      error: { code: 'intensity_exceeded', cause: { message: 'failure 3' } },
    });
    t.same(children.log, ['start a', 'start a', 'start a', 'shutdown b']);
  });

  t.test('continues a rest_for_one group where it failed', async (t) => {
    const { children, start } = setUp(
      (make) => [make.spec('a'), make.spec('b'), make.spec('c', failing(1)), make.spec('d')],
      { strategy: 'rest_for_one' },
    );
    await start();
    children.takeLog();
    children.get('b').crash();
    await settle();
    t.same(children.log, ['shutdown d', 'shutdown c', 'start b', 'start c', 'start c', 'start d']);
  });

  t.test('starts a one_for_all group over', async (t) => {
    const { children, start } = setUp((make) => [make.spec('a'), make.spec('b', failing(1))], {
      strategy: 'one_for_all',
    });
    await start();
    children.takeLog();
    children.get('a').crash();
    await settle();
    t.same(children.log, ['shutdown b', 'start a', 'start b', 'shutdown a', 'start a', 'start b']);
  });

  t.test('is shown as restarting, and can be called off', async (t) => {
    const { children, start } = setUp((make) => [make.spec('a', failing(1)), make.spec('b')]);
    const supervisor = await start();
    // The requests queue up behind the exit, so they see the child between two attempts.
    children.get('a').crash();
    await children.get('a').exited;
    await null;
    const seen = supervisor.restartChild('a');
    const deleted = supervisor.deleteChild('a');
    const terminated = supervisor.terminateChild('a');
    await t.rejects(seen, { code: 'restarting' });
    t.match(supervisor.whichChildren()[0], { id: 'a', child: 'restarting' });
    await t.rejects(deleted, { code: 'restarting' });
    await terminated;
    await settle();
    t.same(children.all('a').length, 1);
    t.match(supervisor.whichChildren()[0], { id: 'a', child: undefined });
  });

  t.test('may ignore, and then rests', async (t) => {
    const { children, start } = setUp((make) => [
      make.spec('a', { start: (nth, child) => (nth === 1 ? child() : 'ignore') }),
    ]);
    const supervisor = await start();
    children.get('a').crash();
    await settle();
    t.same(supervisor.countChildren(), { specs: 1, active: 0, supervisors: 0, workers: 1 });
  });
});

t.test('several exits at once', async (t) => {
  t.test('are handled one at a time', async (t) => {
    const order: string[] = [];
    const slow = (id: string) => ({
      start: async (nth: number, child: () => StartAnswer) => {
        if (nth > 1) order.push(`${id} begins`);
        await settle();
        if (nth > 1) order.push(`${id} done`);
        return child();
      },
    });
    const { children, start } = setUp((make) => [
      make.spec('a', slow('a')),
      make.spec('b', slow('b')),
    ]);
    const supervisor = await start();
    children.get('a').crash();
    children.get('b').crash();
    while (order.length < 4) await settle();
    t.same(order, ['a begins', 'a done', 'b begins', 'b done']);
    await settle();
    t.same(running(supervisor), ['a', 'b']);
  });

  t.test('of one group lead to one restart', async (t) => {
    const { children, start } = setUp(abc, { strategy: 'one_for_all', intensity: 1 });
    const supervisor = await start();
    for (const id of ['a', 'b', 'c']) children.get(id).crash();
    await settle();
    t.same(running(supervisor), ['a', 'b', 'c']);
    t.equal(children.all('c').length, 2);
  });
});

t.test('stop', async (t) => {
  t.test('stops in reverse order, one after the other', async (t) => {
    const { children, clock, events, start } = setUp((make) => [
      make.spec('a'),
      make.spec('b', { onShutdown: () => {} }),
      make.spec('c'),
    ]);
    const supervisor = await start();
    children.takeLog();
    supervisor.shutdown();
    supervisor.shutdown();
    await settle();
    t.same(children.log, ['shutdown c', 'shutdown b']);
    children.get('b').end({ type: 'shutdown' });
    t.same(await supervisor.exited, { type: 'shutdown' });
    t.same(children.log, ['shutdown c', 'shutdown b', 'shutdown a']);
    t.equal(clock.pending, 0);
    t.equal(supervisor.countChildren().active, 0);
    const stopped = events.filter(({ event }) => event === 'supervisor.child.stopped');
    t.same(
      stopped.map(({ metadata }) => metadata.childId),
      ['c', 'b', 'a'],
    );
  });

  t.test('kills what does not end in time, and reports it', async (t) => {
    const { children, clock, events, start } = setUp((make) => [
      make.spec('a', { shutdown: 100, onShutdown: () => {} }),
    ]);
    const supervisor = await start();
    supervisor.shutdown();
    await settle();
    await clock.advance(100);
    t.same(await supervisor.exited, { type: 'shutdown' });
    t.same(children.log, ['start a', 'shutdown a', 'kill a']);
    t.match(events.at(-1), {
      event: 'supervisor.child.stopped',
      measurements: { durationMs: 100 },
      metadata: { childId: 'a', outcome: 'killed', timedOut: true, reason: { type: 'killed' } },
    });
  });

  t.test('abandons what survives being killed', async (t) => {
    const { children, clock, events, start } = setUp((make) => [
      make.spec('a'),
      make.spec('b', { shutdown: 'brutal_kill', onKill: () => {} }),
    ]);
    const supervisor = await start();
    children.takeLog();
    supervisor.shutdown();
    await settle();
    await clock.advance(50);
    t.same(await supervisor.exited, { type: 'shutdown' });
    t.same(children.log, ['kill b', 'shutdown a']);
    t.match(events.at(-2), { metadata: { childId: 'b', outcome: 'abandoned' } });
    t.equal(clock.pending, 0);
  });

  t.test('restarts nothing that ends meanwhile', async (t) => {
    const { children, start } = setUp((make) => [
      make.spec('a'),
      make.spec('b', { onShutdown: () => make.get('a').crash() }),
    ]);
    const supervisor = await start();
    supervisor.shutdown();
    await settle();
    children.get('b').end({ type: 'shutdown' });
    await supervisor.exited;
    t.equal(children.all('a').length, 1);
  });

  t.test('wins over an exit that came just before it', async (t) => {
    const { children, events, start } = setUp(abc);
    const supervisor = await start();
    children.get('a').crash();
    supervisor.shutdown();
    t.same(await supervisor.exited, { type: 'shutdown' });
    t.equal(children.all('a').length, 1);
    t.notOk(events.some(({ metadata }) => metadata.willRestart));
  });

  t.test('wins over exits and due restarts that wait for their turn', async (t) => {
    const { children, events, start } = setUp(
      (make) => [
        make.spec('a'),
        make.spec('b', {
          start: (nth, child) => {
            if (nth === 1) return child();
            // Queued before the next attempt of b, and slow: both have to wait for it.
            terminated = supervisor.terminateChild('c');
            throw new Error('no');
          },
        }),
        make.spec('c', { onShutdown: () => {} }),
      ],
      { intensity: 1 },
    );
    let terminated: Promise<void> | undefined;
    const supervisor = await start();
    children.get('b').crash();
    await settle();
    children.get('a').crash();
    await settle();
    t.match(supervisor.whichChildren()[1], { id: 'b', child: 'restarting' });
    supervisor.shutdown();
    children.get('c').end({ type: 'shutdown' });
    await terminated;
    t.same(await supervisor.exited, { type: 'shutdown' });
    t.equal(children.all('a').length, 1);
    t.equal(children.log.filter((line) => line === 'start b').length, 2);
    t.notOk(events.some(({ event }) => event === 'supervisor.intensity_exceeded'));
  });

  t.test('cuts a group restart short, after the start that is under way', async (t) => {
    let release: () => void = () => {};
    const { children, start } = setUp(
      (make) => [
        make.spec('a', {
          start: (nth, child) =>
            nth === 1
              ? child()
              : new Promise((resolve) => {
                  release = () => resolve(child());
                }),
        }),
        make.spec('b'),
      ],
      { strategy: 'one_for_all' },
    );
    const supervisor = await start();
    children.get('a').crash();
    await settle();
    children.takeLog();
    supervisor.shutdown();
    t.ok(await isPending(supervisor.exited));
    release();
    t.same(await supervisor.exited, { type: 'shutdown' });
    t.same(children.log, ['shutdown a']);
  });

  t.test('calls off a restart that is due again', async (t) => {
    const { children, start } = setUp((make) => [
      make.spec('a', {
        start: (nth, child) => {
          if (nth === 1) return child();
          supervisor.shutdown();
          throw new Error('no');
        },
      }),
    ]);
    const supervisor = await start();
    children.get('a').crash();
    t.same(await supervisor.exited, { type: 'shutdown' });
    t.same(children.log, ['start a', 'start a']);
  });
});

t.test('kill', async (t) => {
  t.test('kills all children without asking', async (t) => {
    const { children, clock, start } = setUp(abc);
    const supervisor = await start();
    children.takeLog();
    supervisor.kill();
    supervisor.kill();
    t.same(children.log, ['kill c', 'kill b', 'kill a']);
    t.same(await supervisor.exited, { type: 'killed' });
    t.notOk(children.log.some((line) => line.startsWith('shutdown')));
    t.equal(clock.pending, 0);
    supervisor.kill();
  });

  t.test('ends an orderly stop that takes too long', async (t) => {
    const { children, start } = setUp((make) => [
      make.spec('a'),
      make.spec('b', { shutdown: 'infinity', onShutdown: () => {} }),
    ]);
    const supervisor = await start();
    supervisor.shutdown();
    t.ok(await isPending(supervisor.exited));
    children.takeLog();
    supervisor.kill();
    t.same(await supervisor.exited, { type: 'killed' });
    t.same(children.log.slice(0, 2), ['kill a', 'kill b']);
  });

  t.test('does not wait for a start, and kills what it brings forth late', async (t) => {
    let release: () => void = () => {};
    const { children, start } = setUp((make) => [
      make.spec('a', {
        start: (nth, child) =>
          nth === 1
            ? child()
            : new Promise((resolve) => {
                release = () => resolve(child());
              }),
      }),
    ]);
    const supervisor = await start();
    children.get('a').crash();
    await settle();
    supervisor.kill();
    t.same(await supervisor.exited, { type: 'killed' });
    children.takeLog();
    release();
    await settle();
    t.same(children.log, ['kill a']);
  });

  t.test('survives a kill() that throws', async (t) => {
    const { clock, events, start } = setUp((make) => [
      make.spec('a', {
        onKill: () => {
          throw new Error('no');
        },
      }),
    ]);
    const supervisor = await start();
    supervisor.kill();
    await settle();
    await clock.advance(50);
    t.same(await supervisor.exited, { type: 'killed' });
    t.match(events.at(-1), { metadata: { outcome: 'abandoned', errors: [{ message: 'no' }] } });
  });
});

t.test('nested supervisors', async (t) => {
  function nested() {
    const inner = new FakeChildren();
    const outer = setUp((make) => [
      make.spec('first'),
      {
        id: 'inner',
        type: 'supervisor',
        start: () =>
          Supervisor.start({ name: 'inner', children: [inner.spec('x'), inner.spec('y')] }),
      },
    ]);
    return { inner, ...outer };
  }

  t.test('are counted as supervisors', async (t) => {
    const { start } = nested();
    const supervisor = await start();
    t.same(supervisor.countChildren(), { specs: 2, active: 2, supervisors: 1, workers: 1 });
  });

  t.test('stop their children when they are stopped', async (t) => {
    const { inner, start } = nested();
    const supervisor = await start();
    inner.takeLog();
    supervisor.shutdown();
    await supervisor.exited;
    t.same(inner.log, ['shutdown y', 'shutdown x']);
  });

  t.test('are restarted with all of their children when they give up', async (t) => {
    const { inner, start } = nested();
    const supervisor = await start();
    for (let crash = 1; crash <= 4; crash += 1) {
      inner.get('x').crash();
      await settle();
    }
    t.equal(inner.all('y').length, 2);
    t.equal(inner.all('x').length, 5);
    t.same(running(supervisor), ['first', 'inner']);
  });

  t.test('escalate to the top when it does not get better', async (t) => {
    const { inner, start } = nested();
    const supervisor = await start();
    for (let crash = 1; crash <= 16; crash += 1) {
      inner.get('x').crash(`crash ${crash}`);
      await settle();
    }
    t.match(await supervisor.exited, {
      type: 'error',
      error: {
        code: 'intensity_exceeded',
        childId: 'inner',
        cause: { code: 'intensity_exceeded', childId: 'x', cause: { message: 'crash 16' } },
      },
    });
  });
});

t.test('startChild', async (t) => {
  t.test('adds a child to the end', async (t) => {
    const { children, start } = setUp(abc);
    const supervisor = await start();
    t.equal(await supervisor.startChild(children.spec('d')), children.get('d'));
    t.same(running(supervisor), ['a', 'b', 'c', 'd']);
    children.get('d').crash();
    await settle();
    t.equal(children.all('d').length, 2);
  });

  t.test('refuses an id that is on the list', async (t) => {
    const { children, start } = setUp(abc);
    const supervisor = await start();
    await t.rejects(supervisor.startChild(children.spec('a')), { code: 'already_started' });
    await supervisor.terminateChild('a');
    await t.rejects(supervisor.startChild(children.spec('a')), {
      code: 'already_present',
      childId: 'a',
    });
  });

  t.test('does not keep a child whose start fails', async (t) => {
    const { children, start } = setUp(abc);
    const supervisor = await start();
    const cause = new Error('no');
    const spec = children.spec('d', { start: () => Promise.reject(cause) });
    await t.rejects(supervisor.startChild(spec), { code: 'start_failed', childId: 'd', cause });
    t.equal(supervisor.countChildren().specs, 3);
  });

  t.test('keeps a child that ignores, unless it is temporary', async (t) => {
    const { children, start } = setUp(abc);
    const supervisor = await start();
    const ignore = () => 'ignore' as const;
    t.equal(await supervisor.startChild(children.spec('d', { start: ignore })), undefined);
    await supervisor.startChild(children.spec('e', { start: ignore, restart: 'temporary' }));
    t.equal(supervisor.countChildren().specs, 4);
  });

  t.test('rejects a wrong spec', async (t) => {
    const { children, start } = setUp(abc);
    const supervisor = await start();
    await t.rejects(supervisor.startChild(children.spec('')), TypeError);
  });
});

t.test('terminateChild', async (t) => {
  t.test('stops a child, keeps its spec and does not restart it', async (t) => {
    const { children, start } = setUp(abc);
    const supervisor = await start();
    children.takeLog();
    await supervisor.terminateChild('b');
    await supervisor.terminateChild('b');
    await settle();
    t.same(children.log, ['shutdown b']);
    t.same(supervisor.countChildren(), { specs: 3, active: 2, supervisors: 0, workers: 3 });
  });

  t.test('forgets a temporary child', async (t) => {
    const { start } = setUp((make) => [make.spec('a', { restart: 'temporary' })]);
    const supervisor = await start();
    await supervisor.terminateChild('a');
    t.equal(supervisor.countChildren().specs, 0);
  });

  t.test('rejects an unknown id', async (t) => {
    const supervisor = await setUp(abc).start();
    await t.rejects(supervisor.terminateChild('z'), { code: 'not_found', childId: 'z' });
  });
});

t.test('restartChild', async (t) => {
  t.test('starts a child that does not run', async (t) => {
    const { children, start } = setUp(abc);
    const supervisor = await start();
    await supervisor.terminateChild('a');
    t.equal(await supervisor.restartChild('a'), children.all('a')[1]);
    t.same(running(supervisor), ['a', 'b', 'c']);
  });

  t.test('rejects a child that runs, and an unknown id', async (t) => {
    const supervisor = await setUp(abc).start();
    await t.rejects(supervisor.restartChild('a'), { code: 'running' });
    await t.rejects(supervisor.restartChild('z'), { code: 'not_found' });
  });

  t.test('leaves the child as it was when the start fails', async (t) => {
    const { start } = setUp((make) => [
      make.spec('a', {
        start: (nth, child) => {
          if (nth === 2) throw new Error('no');
          return nth === 3 ? 'ignore' : child();
        },
      }),
    ]);
    const supervisor = await start();
    await supervisor.terminateChild('a');
    await t.rejects(supervisor.restartChild('a'), { code: 'start_failed' });
    t.match(supervisor.whichChildren(), [{ id: 'a', child: undefined }]);
    t.equal(await supervisor.restartChild('a'), undefined);
    t.ok(await supervisor.restartChild('a'));
  });
});

t.test('deleteChild forgets a child that does not run', async (t) => {
  const { children, start } = setUp(abc);
  const supervisor = await start();
  await t.rejects(supervisor.deleteChild('a'), { code: 'running' });
  await supervisor.terminateChild('a');
  await supervisor.deleteChild('a');
  await t.rejects(supervisor.deleteChild('a'), { code: 'not_found' });
  t.ok(await supervisor.startChild(children.spec('a')));
  t.same(running(supervisor), ['b', 'c', 'a']);
});

t.test('requests to a supervisor that stops or has ended are rejected', async (t) => {
  const { children, start } = setUp(abc);
  const supervisor = await start();
  supervisor.shutdown();
  const requests: Promise<unknown>[] = [
    supervisor.startChild(children.spec('d')),
    supervisor.terminateChild('a'),
    supervisor.restartChild('a'),
    supervisor.deleteChild('a'),
  ];
  for (const request of requests) await t.rejects(request, { code: 'stopped' });
  await supervisor.exited;
  await t.rejects(supervisor.terminateChild('a'), { code: 'stopped' });
});

t.test('a supervisor without children runs until it is stopped', async (t) => {
  const supervisor = await Supervisor.start({ name: 'empty', children: [] });
  t.ok(await isPending(supervisor.exited));
  supervisor.shutdown();
  t.same(await supervisor.exited, { type: 'shutdown' });
});
