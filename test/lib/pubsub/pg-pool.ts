import t from 'tap';
import {
  adapterName,
  checkPoolSizes,
  MAX_POOL_SIZE,
  PHOENIX_SCOPE,
  workerName,
  workerNumber,
} from '../../../lib/pubsub/pg-pool.ts';

const ADAPTER = 'Elixir.My.PubSub.Adapter';

t.test("names are Phoenix's", async (t) => {
  t.equal(PHOENIX_SCOPE, 'Elixir.Phoenix.PubSub');
  t.equal(adapterName('My.PubSub'), ADAPTER);
  t.equal(workerName(ADAPTER, 1), ADAPTER);
  t.equal(workerName(ADAPTER, 2), `${ADAPTER}_2`);
});

t.test('a name tells which worker it is of', async (t) => {
  for (const number of [1, 2, 10, 256, 999]) {
    t.equal(workerNumber(ADAPTER, workerName(ADAPTER, number)), number);
  }
  const others = [
    '_',
    '_0',
    '_1',
    '_02',
    '_2a',
    '_-2',
    '_2.5',
    '2',
    '_supervisor',
    `_${'9'.repeat(10)}`,
  ];
  for (const end of others) t.equal(workerNumber(ADAPTER, ADAPTER + end), undefined, end);
  t.equal(workerNumber(ADAPTER, 'Elixir.Other.PubSub.Adapter'), undefined);
});

t.test('pool sizes are checked', async (t) => {
  t.doesNotThrow(() => checkPoolSizes(1, 1));
  t.doesNotThrow(() => checkPoolSizes(MAX_POOL_SIZE, 4));
  for (const [pool, broadcast] of [
    [0, 1],
    [1.5, 1],
    [MAX_POOL_SIZE + 1, 1],
    [2, 0],
    [2, 1.5],
    [2, 3],
  ] as const) {
    t.throws(() => checkPoolSizes(pool, broadcast), RangeError);
  }
});
