import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Count } from '../../lib/counter/count.ts';
import { COUNTER_NAME, MEMBER_NAME } from '../../lib/counter.ts';
import { atom, isTuple, Pid, tuple } from '../../lib/distribution/index.ts';
import { CounterCluster, type CounterNode } from '../support/counter-cluster.ts';
import { until } from '../support/peers.ts';
import { seededRandom } from '../support/seeded-random.ts';

async function start(t: Test, ...names: readonly string[]): Promise<CounterCluster> {
  const cluster = await CounterCluster.start(names);
  t.teardown(() => cluster.stop());
  return cluster;
}

/** Every counter says the same, and it is what was acknowledged (with those nobody heard of at most). */
async function totals(t: Test, cluster: CounterCluster, unknown = 0): Promise<void> {
  const expected = cluster.acknowledged.length;
  const counts = await Promise.all(cluster.counters.map(({ counter }) => counter.get()));
  const [first] = counts;
  t.strictSame(cluster.wrongAnswers(), [], 'each owner gave each number once, and upwards');
  t.ok(
    counts.every((count) => count === first),
    `all say the same: ${counts}`,
  );
  t.ok(
    Number(first) >= expected && Number(first) <= expected + unknown,
    `${expected} acknowledged, ${unknown} unknown, the count is ${first}`,
  );
}

t.test('nodes count together, each answer is another number', async (t) => {
  const cluster = await start(t, 'a', 'b', 'c');
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, i) => cluster.counters[i % 3]!.counter.increment()),
  );
  t.equal(new Set(answers).size, 300);
  t.equal(Math.max(...answers.map(Number)), 300);
  t.strictSame(await Promise.all(cluster.counters.map(({ counter }) => counter.get())), [
    ...[300, 300, 300],
  ]);
  const [a] = cluster.counters;
  t.equal(a?.counter.isOwner, true);
  t.equal(a?.counter.known, 300, 'the owner knows without asking');
});

t.test('Elixir callers get and increment as they always did', async (t) => {
  const cluster = await start(t, 'a', 'b');
  const call = (from: CounterNode, request: string) =>
    from.node.client.call({ global: COUNTER_NAME }, atom(request));
  t.equal(await call(cluster.counters[1]!, 'increment'), 1);
  t.equal(await call(cluster.counters[0]!, 'increment'), 2);
  t.equal(await call(cluster.counters[1]!, 'get'), 2);
  t.match(await call(cluster.counters[1]!, 'unknown'), { elements: [atom('error')] });
});

t.test('the owner dies under load: nothing is lost, nobody sees an error', async (t) => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const random = seededRandom(seed);
    const cluster = await CounterCluster.start(['a', 'b', 'c']);
    for (const one of cluster.counters) cluster.load(one);
    await delay(20 + random.below(60));
    const owner = await cluster.owner();
    const clientsOfOwner = 4;
    void cluster.kill(owner);
    const next = await cluster.owner();
    t.not(next, owner);
    await delay(50 + random.below(50));
    await cluster.finish();
    t.strictSame(cluster.errors, [], `seed ${seed}: no errors`);
    await totals(t, cluster, clientsOfOwner);
    const taken = next.events.find(({ event }) => event === 'counter.owner.taken_over');
    t.comment(`seed ${seed}: taken over in ${JSON.stringify(taken?.measurements)}`);
    await cluster.stop();
  }
});

t.test(
  'a second owner beside the first, under load: one is left, and the sum is exact',
  async (t) => {
    const cluster = await start(t, 'a', 'b', 'c');
    await cluster.owner();
    const stranger = await cluster.network.join('d');
    const [, b, c] = cluster.counters;
    for (const one of cluster.counters) cluster.load(one);
    const member = { name: MEMBER_NAME, node: b!.node.name };
    const events = () => b!.events.filter(({ event }) => event.startsWith('counter.owner.'));
    for (let round = 1; round <= 5; round += 1) {
      await delay(30);
      const known = await stranger.client.call(member, tuple(atom('collect')));
      if (!isTuple(known, 2, 'ok') || !isTuple(known.elements[1]!, 2)) throw new Error('no state');
      const [state] = known.elements[1].elements;
      const answer = await stranger.client.call(member, tuple(atom('take_over'), state!));
      if (!isTuple(answer, 2, 'ok') || !(answer.elements[1] instanceof Pid))
        throw new Error('no pid');
      // Every other time with the name, and calls.
      if (round % 2 === 0) await c!.node.global.reRegisterName(COUNTER_NAME, answer.elements[1]);
      await until(() => events().length >= 3 * round, { intervalMs: 2, what: 'one yields' });
    }
    t.equal((await cluster.owner()).node.name, 'a@127.0.0.1');
    await delay(50);
    await cluster.finish();
    t.strictSame(cluster.errors, []);
    await totals(t, cluster);
  },
);

t.test('one death after the other, with some time between', async (t) => {
  const cluster = await start(t, 'a', 'b', 'c', 'd');
  for (const one of cluster.counters) cluster.load(one, 3);
  let unknown = 0;
  for (let deaths = 0; deaths < 3; deaths += 1) {
    await delay(150);
    unknown += 3;
    void cluster.kill(await cluster.owner());
    await cluster.owner();
  }
  await delay(50);
  await cluster.finish();
  t.strictSame(cluster.errors, []);
  await totals(t, cluster, unknown);
});

t.test('a node that dies and does not own it leaves its count behind', async (t) => {
  const cluster = await start(t, 'a', 'b', 'c');
  for (const one of cluster.counters) cluster.load(one);
  await delay(50);
  void cluster.kill(cluster.counters[2]!);
  await delay(150);
  void cluster.kill(await cluster.owner());
  await delay(150);
  await cluster.finish();
  t.strictSame(cluster.errors, []);
  await totals(t, cluster, 8);
});

t.test('a rolling restart of five nodes under load loses nothing', async (t) => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const cluster = await start(t, ...names);
  for (const one of cluster.counters) cluster.load(one, 2);
  for (const name of names) {
    const one = cluster.counters.find(({ node }) => node.name.startsWith(`${name}@`))!;
    // As the endpoint does: its requests end first.
    one.alive = false;
    await cluster.stopOrderly(one);
    cluster.load(await cluster.join(name), 2);
    await delay(20);
  }
  await cluster.finish();
  t.strictSame(cluster.errors, []);
  await totals(t, cluster, names.length * 2);
  t.equal(cluster.counters.length, 5);
});

t.test('each value is told once, where it is counted; a merge is one change', async (t) => {
  const told: { readonly first: Count; readonly last: Count; readonly node: string }[] = [];
  const cluster = await CounterCluster.start(['a', 'b', 'c'], {
    onCount: (first, last, node) => told.push({ first, last, node }),
  });
  t.teardown(() => cluster.stop());
  const owner = await cluster.owner();
  const { name } = owner.node;
  const others = cluster.counters.filter((one) => one !== owner);
  const increments = cluster.counters.flatMap(({ counter }) =>
    Array.from({ length: 50 }, () => counter.increment()),
  );
  await Promise.all(increments);
  const values = told.flatMap(({ first, last }) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => Number(first) + at),
  );
  const expected = Array.from({ length: 150 }, (_, at) => at + 1);
  t.strictSame(values, expected);
  t.ok(told.every(({ node }) => node === name));
  t.ok(told.length < 150, 'batches are told at once');

  const sides = [[owner.node], others.map(({ node }) => node)];
  cluster.network.cut(...sides);
  await until(() => cluster.owners.length === 2, { intervalMs: 2, what: 'an owner each' });
  for (let count = 0; count < 5; count += 1) await others[0]!.counter.increment();
  told.length = 0;
  await cluster.network.heal(...sides);
  const { counter, node } = await cluster.owner();
  await until(async () => (await counter.get()) === 155, { what: 'the sum' });
  t.ok(
    told.every(({ first, last }) => first === last),
    'what was counted elsewhere is no run of values here',
  );
  t.ok(told.every((each) => each.node === node.name));
});

t.test('whoever counted for others rests when another one goes on', async (t) => {
  const told: string[] = [];
  const names = ['a', 'b'];
  const cluster = await CounterCluster.start(names, {
    onCount: (_first, last, node) => told.push(`${last} at ${node}`),
    onRest: () => told.push('rest'),
  });
  t.teardown(() => cluster.stop());
  const owner = await cluster.owner();
  const other = cluster.counters.find((one) => one !== owner)!;
  const [before, after] = [owner.node.name, other.node.name];
  await owner.counter.increment();
  t.strictSame(told, [`1 at ${before}`]);
  await cluster.stopOrderly(owner);
  await other.counter.increment();
  t.equal(told[1], 'rest', 'before the next one counts');
  t.equal(told.at(-1), `2 at ${after}`);
});

t.test('a split heals to the exact sum', async (t) => {
  for (let seed = 1; seed <= 3; seed += 1) {
    const cluster = await CounterCluster.start(['a', 'b', 'c', 'd', 'e']);
    const random = seededRandom(seed);
    const shuffled = [...cluster.counters].sort(() => random.below(2) - 0.5);
    const at = 1 + random.below(4);
    const sides = [shuffled.slice(0, at), shuffled.slice(at)];
    const groups = sides.map((side) => side.map(({ node }) => node));
    for (const one of cluster.counters) cluster.load(one, 2);
    await delay(50);
    cluster.network.cut(...groups);
    await until(() => cluster.owners.length === 2, { intervalMs: 2, what: 'an owner each' });
    await delay(100);
    const sums = await Promise.all(sides.map((side) => side[0]!.counter.get()));
    await cluster.network.heal(...groups);
    await cluster.owner();
    await delay(100);
    await cluster.finish();
    t.strictSame(cluster.errors, [], `seed ${seed}`);
    await until(
      async () => Number(await cluster.counters[0]!.counter.get()) >= cluster.acknowledged.length,
      { intervalMs: 5, what: 'all merged' },
    );
    await totals(t, cluster);
    const merged = cluster.counters.flatMap(({ events }) =>
      events.filter(({ event }) => event === 'counter.merged'),
    );
    t.ok(merged.length > 0, 'it is told that counts came together');
    t.comment(`seed ${seed}: ${sums} on the sides, ${cluster.acknowledged.length} in the end`);
    await cluster.stop();
  }
});

t.test('a key counts once, wherever it is sent, also after a take-over', async (t) => {
  const cluster = await start(t, 'a', 'b', 'c');
  const [a, b, c] = cluster.counters as [CounterNode, CounterNode, CounterNode];
  const key = 'a-key';
  const first = await b.counter.increment({ key });
  await a.counter.increment();
  t.equal(await a.counter.increment({ key }), first);
  t.equal(await c.counter.increment({ key }), first);
  const own = await a.counter.increment({ key: 'own' });
  const together = await Promise.all([1, 2, 3].map(() => c.counter.increment({ key: 'twice' })));
  t.strictSame(new Set(together).size, 1, 'at the same time, too');
  void cluster.kill(await cluster.owner());
  t.equal(await c.counter.increment({ key }), first);
  t.equal(await b.counter.increment({ key: 'own' }), own, 'one that came by way of the owner');
  t.equal(await b.counter.get(), 4);
});

t.test('keys that either side of a split answered are known to all when it heals', async (t) => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const cluster = await CounterCluster.start(['a', 'b', 'c', 'd', 'e']);
    const random = seededRandom(seed);
    const shuffled = [...cluster.counters].sort(() => random.below(2) - 0.5);
    const at = 1 + random.below(4);
    const sides = [shuffled.slice(0, at), shuffled.slice(at)];
    const groups = sides.map((side) => side.map(({ node }) => node));
    cluster.network.cut(...groups);
    await until(() => cluster.owners.length === 2, { intervalMs: 2, what: 'an owner each' });
    const told = new Map<string, Count>();
    const one = async (counter: CounterNode, number: number): Promise<void> => {
      const key = `${counter.node.name} ${number}`;
      told.set(key, await counter.counter.increment({ key }));
    };
    await Promise.all(
      cluster.counters.flatMap((counter) => [1, 2, 3, 4].map((number) => one(counter, number))),
    );
    // On the same side all know at any time, also while it heals; the others when there is one owner.
    const wrong: string[] = [];
    const repeat = async (counter: CounterNode, key: string): Promise<void> => {
      const value = await counter.counter.increment({ key });
      if (value !== told.get(key)) wrong.push(`${key} on ${counter.node.name}: ${value}`);
    };
    let healed = false;
    let fresh = 10;
    /** A key that one node answers, and then another one of its side, whoever owns the counter by then. */
    const onOneSide = async (side: readonly CounterNode[]): Promise<void> => {
      while (!healed) {
        fresh += 1;
        const number = fresh;
        const [first, second] = [
          side[random.below(side.length)]!,
          side[random.below(side.length)]!,
        ];
        await one(first, number);
        await repeat(second, `${first.node.name} ${number}`);
        await new Promise(setImmediate);
      }
    };
    const repeating = [...sides, ...sides, ...sides].map(onOneSide);
    await delay(20);
    await cluster.network.heal(...groups);
    await cluster.owner();
    healed = true;
    await Promise.all(repeating);
    await Promise.all(
      cluster.counters.flatMap((counter) => [...told.keys()].map((key) => repeat(counter, key))),
    );
    t.strictSame(wrong, [], `seed ${seed}: every key has one answer`);
    await until(async () => (await cluster.counters[0]!.counter.get()) === told.size, {
      intervalMs: 5,
      what: () => 'each key counted once',
    });
    await cluster.stop();
  }
});

t.test('requests in the gap wait, and no longer than their time', async (t) => {
  const cluster = await start(t, 'a');
  const [one] = cluster.counters as [CounterNode];
  t.equal(await one.counter.increment(), 1);
  one.child.shutdown();
  await one.child.exited;
  await t.rejects(one.counter.increment({ timeoutMs: 20 }), { code: 'noproc' });
  await t.rejects(one.counter.get({ timeoutMs: 20 }), { code: 'noproc' });
  const waiting = [one.counter.increment(), one.counter.get()];
  one.child = await one.counter.start();
  t.equal((await Promise.all(waiting))[0], 2);
});

t.test('a caller that goes away is not counted, if nobody had its increment yet', async (t) => {
  const cluster = await start(t, 'a');
  const [one] = cluster.counters as [CounterNode];
  const gone = new AbortController();
  const increment = one.counter.increment({ signal: gone.signal });
  gone.abort(new Error('gone'));
  await t.rejects(increment, { message: 'gone' });
  await t.rejects(one.counter.increment({ signal: gone.signal }), { message: 'gone' });
  t.equal(await one.counter.increment(), 1);
});
