import t from 'tap';
import type { ExitReason } from '../../../../lib/supervisor/child.ts';
import type { StartAnswer } from '../../../../lib/supervisor/child-spec.ts';
import type { SupervisorError } from '../../../../lib/supervisor/errors.ts';
import { settle } from '../../../support/fake-clock.ts';
import { abc, isPending, running, setUp } from '../../../support/supervised.ts';

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
