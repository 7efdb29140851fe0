import { test } from 'tap';
import { systemClock } from '../../../../lib/clock.ts';
import { Deadline, Deadlines } from '../../../../lib/distribution/gen-server/deadlines.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

class Due extends Deadline {
  readonly #callback: () => void;

  constructor(callback: () => void) {
    super();
    this.#callback = callback;
  }

  expire(): void {
    this.#callback();
  }
}

function begin(deadlines: Deadlines, timeoutMs: number, callback: () => void): Deadline {
  const deadline = new Due(callback);
  deadlines.start(timeoutMs, deadline);
  return deadline;
}

test('each deadline passes at its own time, with one timer for each time-out', (t) => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const passed: string[] = [];
  const start = (timeoutMs: number, name: string) =>
    begin(deadlines, timeoutMs, () => passed.push(`${name} at ${clock.now()}`));
  start(100, 'a');
  start(50, 'b');
  clock.step(30);
  start(100, 'c');
  start(50, 'd');
  t.equal(clock.pending, 2);
  clock.step(1_000);
  t.same(passed, ['b at 50', 'd at 80', 'a at 100', 'c at 130']);
  t.equal(clock.pending, 0);
  t.end();
});

test('what is taken back does not pass, wherever it stands in the queue', (t) => {
  for (const taken of [0, 1, 2]) {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    const passed: number[] = [];
    const all = [0, 1, 2].map((at) => begin(deadlines, 10, () => passed.push(at)));
    deadlines.stop(all[taken]!);
    deadlines.stop(all[taken]!);
    clock.step(10);
    t.same(
      passed,
      [0, 1, 2].filter((at) => at !== taken),
    );
    t.equal(clock.pending, 0);
  }
  t.end();
});

test('no timer is left when nothing waits', (t) => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const passed: number[] = [];
  const first = begin(deadlines, 10, () => passed.push(1));
  const second = begin(deadlines, 10, () => passed.push(2));
  deadlines.stop(first);
  t.equal(clock.pending, 1);
  deadlines.stop(second);
  t.equal(clock.pending, 0);
  clock.step(20);
  t.same(passed, []);
  begin(deadlines, 10, () => passed.push(3));
  clock.step(9);
  t.same(passed, []);
  clock.step(1);
  t.same(passed, [3]);
  t.end();
});

test('the first of those that are left passes in time after the first of all was taken back', (t) => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const passed: number[] = [];
  const first = begin(deadlines, 10, () => {});
  clock.step(5);
  begin(deadlines, 10, () => passed.push(clock.now()));
  deadlines.stop(first);
  clock.step(100);
  t.same(passed, [15]);
  t.end();
});

test('a deadline that passes may begin and end others', (t) => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const passed: string[] = [];
  begin(deadlines, 10, () => {
    passed.push('first');
    deadlines.stop(second);
    begin(deadlines, 10, () => passed.push('third'));
  });
  const second = begin(deadlines, 10, () => passed.push('second'));
  clock.step(10);
  t.same(passed, ['first']);
  clock.step(10);
  t.same(passed, ['first', 'third']);
  t.equal(clock.pending, 0);
  t.end();
});

test('the timer of the machine may fire a little early', async (t) => {
  const deadlines = new Deadlines(systemClock);
  await new Promise<void>((resolve) => begin(deadlines, 5, resolve));
  t.pass('it passed all the same');
});
