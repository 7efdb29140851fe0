import t from 'tap';
import {
  badReply,
  DeadlineTimer,
  hasLeft,
  notCounted,
  unknownOutcome,
  Waiter,
} from '../../../lib/counter/waiter.ts';
import { FakeClock } from '../../support/fake-clock.ts';

t.test('one who waits is told once', async (t) => {
  const lucky = new Waiter(undefined, 5);
  lucky.succeed(7);
  lucky.fail(new Error('late'));
  lucky.succeed(8);
  t.equal(await lucky.answer, 7);
  t.ok(lucky.settled);
  const unlucky = new Waiter('k', 5);
  t.match(unlucky, { key: 'k', deadlineMs: 5, settled: false, signal: undefined });
  unlucky.fail(notCounted());
  await t.rejects(unlucky.answer, { code: 'noproc' });
});

t.test('an abort is passed on, until it has been told', async (t) => {
  const controller = new AbortController();
  const gone: string[] = [];
  const waiter = (name: string): Waiter => {
    const one = new Waiter(undefined, 5);
    one.endWith(controller.signal, () => gone.push(name));
    return one;
  };
  const [waiting, told] = [waiter('waiting'), waiter('told')];
  t.equal(waiting.signal, controller.signal);
  told.succeed(1);
  controller.abort();
  t.strictSame(gone, ['waiting']);
});

t.test('whether its caller is still there is asked when it matters', async (t) => {
  const caller = { isGone: false };
  const waiter = new Waiter(undefined, 5, caller);
  t.notOk(waiter.isGone);
  caller.isGone = true;
  t.ok(waiter.isGone);
  t.notOk(new Waiter(undefined, 5).isGone, 'one that is not known stays');
});

t.test('the timer goes off at the earliest deadline', async (t) => {
  const clock = new FakeClock();
  let due = 0;
  const timer = new DeadlineTimer(clock, () => {
    due += 1;
  });
  timer.notLaterThan(50);
  timer.notLaterThan(80);
  timer.notLaterThan(30);
  t.strictSame(clock.delays, [30]);
  await clock.advance(30);
  t.equal(due, 1);
  timer.set(90);
  timer.set(90);
  timer.set(Number.POSITIVE_INFINITY);
  t.equal(clock.pending, 0);
  timer.set(10);
  await clock.advance(0);
  t.equal(due, 2, 'at once when that is over');
});

t.test('errors say whether it may count', async (t) => {
  t.match(
    [notCounted(), unknownOutcome(), badReply(), hasLeft()],
    [{ code: 'noproc' }, { code: 'timeout' }, { code: 'bad_reply' }, { name: 'AbortError' }],
  );
});
