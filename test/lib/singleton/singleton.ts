import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { atom, tuple } from '../../../lib/distribution/index.ts';
import { add, cluster, NAME, oneOwner, owners, type Running, start } from '../../support/notes.ts';
import { until } from '../../support/until.ts';

t.test('the node with the smallest name owns it, all others know', async (t) => {
  const { running } = await cluster(t, 'b', 'a', 'c');
  await oneOwner(running);
  t.strictSame(
    owners(running).map(({ node }) => node.name),
    ['a@127.0.0.1'],
  );
  t.equal(await add(running[2]!.node, 7), 1);
  t.same(running[1]!.singleton.members(), ['b@127.0.0.1', 'c@127.0.0.1']);
  await t.rejects(start(running[0]!.node), { name: 'Error' }, 'one member a node');
});

t.test('a node that dies is followed by another, which knows what two nodes knew', async (t) => {
  const { nodes, running } = await cluster(t, 'a', 'b', 'c');
  await oneOwner(running);
  for (let number = 0; number < 20; number += 1) await add(running[number % 3]!.node, number);
  const startedAt = performance.now();
  void nodes.kill(running[0]!.node);
  const rest = running.slice(1);
  await oneOwner(rest);
  t.comment(`taken over within ${Math.round(performance.now() - startedAt)} ms`);
  t.equal(await add(rest[1]!.node, 20), 21);
  t.strictSame(
    owners(rest)[0]?.events.map(({ event }) => event),
    ['taken_over'],
  );
  // The next death, as soon as the rest know each other's states.
  await until(() => rest.every(({ notes }) => notes.known.size === 21));
  const [owner] = owners(rest);
  void nodes.kill(owner!.node);
  const last = rest.filter((one) => one !== owner);
  await oneOwner(last);
  t.equal(await add(last[0]!.node, 21), 22);
});

t.test('stopping hands over; what still arrives is forwarded', async (t) => {
  const { running } = await cluster(t, 'a', 'b', 'c');
  await oneOwner(running);
  const [first, second] = running as [Running, Running];
  await add(first.node, 1);
  const pid = first.node.global.whereisName(NAME)!;
  const stopping = first.singleton.stop();
  const late = await Promise.all(
    [2, 3, 4].map((number) => second.node.client.call(pid, tuple(atom('add'), number))),
  );
  t.strictSame(late, [2, 3, 4], 'the callers notice nothing');
  await stopping;
  t.equal(await second.node.client.call(pid, tuple(atom('add'), 5)), 5, 'even later');
  t.equal(second.node.global.whereisName(NAME)?.node, 'b@127.0.0.1');
  t.ok(second.singleton.isOwner);
  t.same(
    first.events.map(({ event }) => event),
    ['taken_over', 'handed_over'],
  );
  t.strictSame(await first.singleton.exited, { type: 'shutdown' });
});

t.test('one that leaves leaves its state with two others', async (t) => {
  const { running } = await cluster(t, 'a', 'b', 'c');
  await oneOwner(running);
  running[2]!.notes.known.add(99);
  await running[2]!.singleton.stop();
  t.ok(running[0]!.notes.known.has(99));
  t.ok(running[1]!.notes.known.has(99));
});

t.test(
  'what a leaving node keeps for the owner is kept by another before it is gone',
  async (t) => {
    const { running } = await cluster(t, 'a', 'b', 'c');
    await oneOwner(running);
    const [a, b, c] = running as [Running, Running, Running];
    // On its way when `b`, the backup, begins to leave: counted by the owner only after it has heard of that.
    let finish: () => void = () => undefined;
    a.notes.suspend = () =>
      new Promise((resolve) => {
        finish = () => {
          a.notes.known.add(50);
          resolve();
        };
      });
    const leaving = b.singleton.stop();
    await delay(30);
    finish();
    await leaving;
    t.ok(c.notes.known.has(50));
  },
);

t.test('the last one has nobody to hand over to, and stops all the same', async (t) => {
  const { running } = await cluster(t, 'a');
  const { node, singleton } = running[0]!;
  const call = add(node, 1);
  await Promise.all([call, singleton.stop()]);
  t.equal(node.global.whereisName(NAME), undefined);
});

t.test('a server that fails ends the singleton there, and is started elsewhere', async (t) => {
  const { running } = await cluster(t, 'a', 'b');
  await oneOwner(running);
  const [a, b] = running as [Running, Running];
  a.notes.failing = true;
  await t.rejects(add(b.node, 1), { code: 'exit' });
  t.match(await a.singleton.exited, { type: 'error', error: { message: 'a fault of the server' } });
  await oneOwner([b]);
  t.equal(await add(a.node, 1), 1);
});

t.test('a member that joins gets the state, a state that is none is refused', async (t) => {
  const { nodes, running } = await cluster(t, 'a', 'b');
  await oneOwner(running);
  await add(running[1]!.node, 5);
  const c = await start(await nodes.join('c'));
  await until(() => c.notes.known.has(5), { intervalMs: 2 });
  const a = { name: 'notes_member', node: 'a@127.0.0.1' };
  for (const wrong of [
    tuple(atom('merge'), atom('x'), atom('none')),
    atom('hello'),
    tuple(atom('x'), 1),
  ]) {
    t.same(await c.node.client.call(a, wrong), tuple(atom('error'), atom('bad_state')));
  }
  t.equal(running[0]!.events.at(-1)?.event, 'state_refused');
});

t.test('a node that has no member is a stranger', async (t) => {
  const { nodes, running } = await cluster(t, 'b', 'c');
  const stranger = await nodes.join('a');
  await oneOwner(running);
  t.notOk(await running[0]!.singleton.hasMember(stranger.name));
  t.ok(await running[0]!.singleton.hasMember('c@127.0.0.1'));
  t.notOk(await running[0]!.singleton.hasMember('nowhere@127.0.0.1'));
});
