import { test } from 'tap';
import { type Runnable, RunQueue } from '../../../../lib/distribution/process/run-queue.ts';

test('gives a turn at once when nothing runs', (t) => {
  const queue = new RunQueue();
  let turns = 0;
  queue.schedule({ runTurn: () => (turns += 1) });
  t.equal(turns, 1);
  t.end();
});

test('what is scheduled during a turn runs after it, without recursion', (t) => {
  const queue = new RunQueue();
  const log: string[] = [];
  const inner: Runnable = { runTurn: () => log.push('inner') };
  queue.schedule({
    runTurn: () => {
      queue.schedule(inner);
      log.push('outer');
    },
  });
  t.same(log, ['outer', 'inner']);
  t.end();
});

test('postpones what is beyond the budget, and what comes meanwhile stays behind it', (t) => {
  const deferred: (() => void)[] = [];
  const queue = new RunQueue({ budget: 3, defer: (callback) => deferred.push(callback) });
  const log: string[] = [];
  let left = 5;
  const again: Runnable = {
    runTurn: () => {
      log.push('again');
      left -= 1;
      if (left > 0) queue.schedule(again);
    },
  };
  queue.schedule(again);
  t.equal(log.length, 3);
  queue.schedule({ runTurn: () => log.push('later') });
  t.equal(log.length, 3);
  t.equal(deferred.length, 1);
  deferred[0]!();
  t.same(log.slice(3), ['again', 'later', 'again']);
  t.equal(deferred.length, 1);
  t.end();
});

test('what waits behind a turn that fails gets its turn later', (t) => {
  const deferred: (() => void)[] = [];
  const queue = new RunQueue({ defer: (callback) => deferred.push(callback) });
  let turns = 0;
  const failing: Runnable = {
    runTurn: () => {
      queue.schedule({ runTurn: () => (turns += 1) });
      throw new Error('turn');
    },
  };
  t.throws(() => queue.schedule(failing), { message: 'turn' });
  t.equal(turns, 0);
  t.equal(deferred.length, 1);
  deferred[0]!();
  t.equal(turns, 1);
  t.end();
});

test('while held nothing runs; afterwards everything does, also when the action fails', (t) => {
  const queue = new RunQueue();
  let turns = 0;
  const runnable = { runTurn: () => (turns += 1) };
  const result = queue.hold(() => {
    queue.schedule(runnable);
    queue.hold(() => queue.schedule(runnable));
    return turns;
  });
  t.equal(result, 0);
  t.equal(turns, 2);
  t.throws(() =>
    queue.hold(() => {
      queue.schedule(runnable);
      throw new Error('action');
    }),
  );
  t.equal(turns, 3);
  t.end();
});
