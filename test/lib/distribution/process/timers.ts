import { test } from 'tap';
import { Timers } from '../../../../lib/distribution/process/timers.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { collector, processTable } from '../../../support/process-table.ts';

const ref = (n: number): Reference => new Reference('a@x', 1, [n, 0, 0]);

test('fires once, and tells what was left when cancelled', (t) => {
  const clock = new FakeClock();
  const timers = new Timers(clock);
  let fired = 0;
  timers.start(ref(1), 100, () => (fired += 1));
  timers.start(ref(2), 100, () => (fired += 1));
  clock.step(40);
  t.equal(timers.cancel(ref(2)), 60);
  t.equal(timers.cancel(ref(2)), undefined);
  clock.step(100);
  t.equal(fired, 1);
  t.equal(timers.cancel(ref(1)), undefined);
  t.equal(timers.size, 0);
  t.end();
});

test('cancelling all leaves nothing running', (t) => {
  const clock = new FakeClock();
  const timers = new Timers(clock);
  for (let n = 0; n < 10; n += 1) timers.start(ref(n), 100, () => t.fail('cancelled'));
  timers.cancelAll();
  t.equal(timers.size, 0);
  t.equal(clock.pending, 0);
  clock.step(200);
  t.end();
});

test('timers send messages, and end with their process', (t) => {
  const clock = new FakeClock();
  const { processes } = processTable({ clock });
  const { process, messages } = collector(processes);
  const other = collector(processes);
  process.sendAfter(10, 1);
  process.sendAfter(20, 2, other.process.pid);
  const cancelled = process.sendAfter(20, 3);
  clock.step(15);
  t.equal(process.cancelTimer(cancelled), 5);
  t.equal(process.cancelTimer(cancelled), undefined);
  clock.step(10);
  t.same(messages, [1]);
  t.same(other.messages, [2]);
  process.sendAfter(10, 4);
  process.stop();
  t.equal(clock.pending, 0);
  process.sendAfter(10, 5);
  t.equal(clock.pending, 0);
  t.end();
});
