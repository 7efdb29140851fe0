import { test } from 'tap';
import {
  type CountChange,
  CountPublisher,
  GATHER_MS,
  MAX_VALUES_PER_SECOND,
} from '../../lib/count-publisher.ts';
import { FakeClock } from '../support/fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const published: CountChange[] = [];
  const publisher = new CountPublisher({ clock, publish: (change) => published.push(change) });
  /** The microtasks that wait have run. */
  const take = async (): Promise<CountChange[]> => {
    await Promise.resolve();
    return published.splice(0);
  };
  return { clock, publisher, published, take };
}

/** Every value that the messages stand for. */
function valuesOf(changes: readonly CountChange[]): (number | bigint)[] {
  return changes.flatMap(({ first, count }) => {
    const values: (number | bigint)[] = [];
    for (let value = BigInt(first ?? count); value <= BigInt(count); value += 1n) {
      values.push(value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value);
    }
    return values;
  });
}

const from = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);

test('each value is a message, in order, after whoever counted', async (t) => {
  const { publisher, published, take } = setUp();
  publisher.counted(1, 1, 'a@h');
  publisher.counted(2, 4, 'a@h');
  publisher.counted(9, 9, 'b@h');
  t.strictSame(published, [], 'not before the answers');
  t.strictSame(await take(), [
    { count: 1, node: 'a@h' },
    { count: 2, node: 'a@h' },
    { count: 3, node: 'a@h' },
    { count: 4, node: 'a@h' },
    { count: 9, node: 'b@h' },
  ]);
  publisher.counted(5, 5, 'a@h');
  t.strictSame(await take(), [{ count: 5, node: 'a@h' }]);
});

test('of too many at once those beyond share a message, and none is left out', async (t) => {
  const { clock, publisher, take } = setUp();
  const first = MAX_VALUES_PER_SECOND + 500;
  publisher.counted(1, first, 'a@h');
  const changes = await take();
  t.equal(changes.length, MAX_VALUES_PER_SECOND);
  t.strictSame(changes.at(-2), { count: MAX_VALUES_PER_SECOND - 1, node: 'a@h' });
  t.strictSame(changes.at(-1), { count: first, first: MAX_VALUES_PER_SECOND, node: 'a@h' });
  t.strictSame(valuesOf(changes), from(1, first));
  publisher.counted(first + 1, first + 64, 'a@h');
  publisher.counted(first + 65, first + 65, 'a@h');
  t.strictSame(await take(), [], 'they wait for others');
  await clock.advance(GATHER_MS);
  t.strictSame(await take(), [{ count: first + 65, first: first + 1, node: 'a@h' }]);
  const beyond = first + 65 - MAX_VALUES_PER_SECOND;
  await clock.advance((1_000 * beyond) / MAX_VALUES_PER_SECOND);
  publisher.counted(first + 66, first + 166, 'a@h');
  const later = await take();
  t.equal(later.length, (MAX_VALUES_PER_SECOND * GATHER_MS) / 1_000, 'as many as the time allows');
  t.strictSame(valuesOf(later), from(first + 66, first + 166));
  await clock.advance(3_600_000);
  publisher.counted(10_000, 20_000, 'a@h');
  t.equal((await take()).length, MAX_VALUES_PER_SECOND, 'no more after a long pause');
  t.equal(clock.pending, 0);
});

test('a counter that is busy all the time has few messages', async (t) => {
  const { clock, publisher, take } = setUp();
  const batch = 50;
  let last = 0;
  const busyFor = async (ms: number): Promise<CountChange[]> => {
    const changes: CountChange[] = [];
    for (let at = 0; at < ms; at += 1) {
      publisher.counted(last + 1, last + batch, 'a@h');
      last += batch;
      changes.push(...(await take()));
      await clock.advance(1);
      changes.push(...(await take()));
    }
    return changes;
  };
  const first = await busyFor(1_000);
  const second = await busyFor(1_000);
  t.ok(second.length <= 1_000 / GATHER_MS, `${second.length} messages`);
  await clock.advance(2_000);
  const rest = await take();
  t.strictSame(valuesOf([...first, ...second, ...rest]), from(1, last));
  t.equal((await busyFor(1)).length, batch, 'it is as before after a pause');
});

test('what is not next to each other, or of another owner, shares no message', async (t) => {
  const { clock, publisher, published, take } = setUp();
  publisher.counted(1, 2 * MAX_VALUES_PER_SECOND, 'a@h');
  await take();
  publisher.counted(5_001, 5_002, 'a@h');
  publisher.counted(5_003, 5_004, 'a@h');
  publisher.counted(6_000, 6_000, 'a@h');
  publisher.counted(6_001, 6_002, 'b@h');
  publisher.flush();
  t.strictSame(published, [
    { count: 5_004, first: 5_001, node: 'a@h' },
    { count: 6_000, node: 'a@h' },
    { count: 6_002, first: 6_001, node: 'b@h' },
  ]);
  t.equal(clock.pending, 0, 'nothing waits any more');
  publisher.flush();
  t.equal(published.length, 3);
});

test('counts beyond 2^53 are exact', async (t) => {
  const { publisher, take } = setUp();
  const top = Number.MAX_SAFE_INTEGER;
  publisher.counted(top, 2n ** 53n + 1n, 'a@h');
  t.strictSame(
    (await take()).map(({ count }) => count),
    [top, 2n ** 53n, 2n ** 53n + 1n],
  );
});
