import t from 'tap';
import { settle } from '../../../support/fake-clock.ts';
import { abc, running, setUp } from '../../../support/supervised.ts';

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
