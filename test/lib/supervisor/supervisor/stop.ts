import t from 'tap';
import { settle } from '../../../support/fake-clock.ts';
import { abc, isPending, setUp } from '../../../support/supervised.ts';

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
