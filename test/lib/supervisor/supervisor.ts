import t from 'tap';
import type { ChildSpec } from '../../../lib/supervisor/child-spec.ts';
import { Supervisor } from '../../../lib/supervisor/supervisor.ts';
import { FakeChildren } from '../../support/fake-child.ts';
import { settle } from '../../support/fake-clock.ts';
import { isPending, running, setUp } from '../../support/supervised.ts';

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

t.test('a supervisor without children runs until it is stopped', async (t) => {
  const supervisor = await Supervisor.start({ name: 'empty', children: [] });
  t.ok(await isPending(supervisor.exited));
  supervisor.shutdown();
  t.same(await supervisor.exited, { type: 'shutdown' });
});
