import t from 'tap';
import { completeChildSpec, type StartAnswer } from '../../../lib/supervisor/child-spec.ts';
import { startChild } from '../../../lib/supervisor/start-child.ts';
import { FakeChild } from '../../support/fake-child.ts';
import { settle } from '../../support/fake-clock.ts';

const never = new AbortController().signal;
const spec = (start: () => StartAnswer | Promise<StartAnswer>) =>
  completeChildSpec({ id: 'a', start });

t.test('a start may answer at once, later, or ignore', async (t) => {
  const child = new FakeChild('a', [], {});
  t.equal(
    await startChild(
      spec(() => child),
      never,
    ),
    child,
  );
  t.equal(
    await startChild(
      spec(async () => child),
      never,
    ),
    child,
  );
  t.equal(
    await startChild(
      spec(() => 'ignore'),
      never,
    ),
    'ignore',
  );
});

t.test('a start that throws or rejects fails with that', async (t) => {
  const error = new Error('no');
  const throwing = () => {
    throw error;
  };
  await t.rejects(startChild(spec(throwing), never), error);
  await t.rejects(
    startChild(
      spec(() => Promise.reject(error)),
      never,
    ),
    error,
  );
});

t.test('an answer that is no child is refused', async (t) => {
  const noFunctions = { exited: Promise.resolve(), shutdown: 1, kill: 1 };
  for (const answer of [undefined, null, {}, 'started', noFunctions]) {
    const start = () => answer as unknown as StartAnswer;
    await t.rejects(startChild(spec(start), never), /must answer 'ignore' or a child/);
  }
});

t.test('a kill of the supervisor ends the wait, and the late child is killed', async (t) => {
  const log: string[] = [];
  const killed = new AbortController();
  let answer: (child: StartAnswer) => void = () => {};
  const start = () =>
    new Promise<StartAnswer>((resolve) => {
      answer = resolve;
    });
  const starting = startChild(spec(start), killed.signal);
  killed.abort();
  await t.rejects(starting, { code: 'stopped' });
  answer(new FakeChild('a', log, {}));
  await settle();
  t.same(log, ['kill a']);
});
