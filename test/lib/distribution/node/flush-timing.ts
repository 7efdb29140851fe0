import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'tap';
import { FlushTiming } from '../../../../lib/distribution/node/flush-timing.ts';

function timing(): { readonly timing: FlushTiming; readonly flushes: () => number } {
  let count = 0;
  const timing = new FlushTiming(() => {
    count += 1;
  });
  return { timing, flushes: () => count };
}

/** Behind all promises that follow from one another. */
const afterPromises = () => new Promise<void>((resolve) => process.nextTick(resolve));

test('what is sent in one turn goes out together, at its end', async (t) => {
  const { timing: timed, flushes } = timing();
  timed.request();
  await afterPromises();
  timed.request();
  await afterPromises();
  t.equal(flushes(), 0);
  await nextTurn();
  t.equal(flushes(), 1);
  await nextTurn();
  t.equal(flushes(), 1);
});

test('answers to what came together go out when all of it has been looked at', async (t) => {
  const { timing: timed, flushes } = timing();
  timed.react(() => {
    timed.request();
    timed.request();
    t.equal(flushes(), 0);
  });
  t.equal(flushes(), 1);
  timed.react(() => {});
  t.equal(flushes(), 1, 'there was nothing to answer');
  await nextTurn();
  t.equal(flushes(), 1);
});

test('what follows from it by way of promises goes out behind all of them', async (t) => {
  const { timing: timed, flushes } = timing();
  const follow = async (hops: number): Promise<void> => {
    for (let i = 0; i < hops; i += 1) await undefined;
    t.equal(flushes(), 0);
    timed.request();
  };
  // A promise that is there already is followed up within the turn of the queue of promises.
  await undefined;
  timed.react(() => {
    void follow(1);
    void follow(5);
  });
  await afterPromises();
  t.equal(flushes(), 1);
  timed.request();
  await afterPromises();
  t.equal(flushes(), 1, 'from then on it is gathered again');
  await nextTurn();
  t.equal(flushes(), 2);
});

test('answers go out also when one of them fails', (t) => {
  const { timing: timed, flushes } = timing();
  t.throws(
    () =>
      timed.react(() => {
        timed.request();
        throw new Error('fails');
      }),
    /fails/,
  );
  t.equal(flushes(), 1);
  t.end();
});

test('nothing goes out once it was cancelled', async (t) => {
  const { timing: timed, flushes } = timing();
  timed.request();
  timed.cancel();
  timed.react(() => {
    timed.request();
    timed.cancel();
  });
  timed.request();
  timed.cancel();
  await nextTurn();
  t.equal(flushes(), 0);
  timed.request();
  await nextTurn();
  t.equal(flushes(), 1, 'and can be requested anew');
});
