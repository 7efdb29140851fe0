import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { atom, isTuple, Pid, type Term, tuple } from '../../../../lib/distribution/index.ts';
import type { ClusterMember } from '../../../support/cluster.ts';
import { add, cluster, NAME, oneOwner, type Running, start } from '../../../support/notes.ts';
import { until } from '../../../support/until.ts';

t.test('after a split there is one owner, which knows what either side knew', async (t) => {
  const { nodes, running } = await cluster(t, 'a', 'b', 'c', 'd');
  await oneOwner(running);
  const [a, b, c, d] = running as [Running, Running, Running, Running];
  const [left, right] = [
    [a, c],
    [b, d],
  ];
  const groups = [left, right].map((side) => side.map(({ node }) => node));
  nodes.cut(...groups);
  await Promise.all([oneOwner(left), oneOwner(right)]);
  await add(c.node, 1);
  await add(d.node, 2);
  t.notOk(a.notes.known.has(2));
  await nodes.heal(...groups);
  await oneOwner(running);
  await until(() => a.notes.known.has(2), { intervalMs: 2 });
  t.ok(a.singleton.isOwner, 'the smaller node keeps it, as `global` has it');
  t.strictSame(await add(d.node, 3), 3);
  // What `b` knew `a` may have from its greeting, before `b` has come to giving it.
  await until(() => b.events.length >= 3, { intervalMs: 2 });
  t.strictSame(
    b.events.map(({ event }) => event),
    ['taken_over', 'ended', 'lost'],
  );
});

/** The member of `to` starts to serve beside the owner that there is; what it is told is its alone. */
async function secondOwner(from: ClusterMember, to: Running, numbers: readonly number[]) {
  const member = { name: 'notes_member', node: to.node.name };
  const answer = await from.client.call(member, tuple(atom('take_over'), numbers));
  if (!isTuple(answer, 2, 'ok')) throw new Error('expected a second owner');
  const [, pid] = answer.elements;
  if (!(pid instanceof Pid)) throw new Error('expected its pid');
  return pid;
}

for (const named of ['first', 'second'] as const) {
  t.test(
    `of two owners the one on the smaller node stays; the ${named} has the name`,
    async (t) => {
      const { nodes, running } = await cluster(t, 'a', 'b', 'c');
      await oneOwner(running);
      const [a, b, c] = running as [Running, Running, Running];
      const stranger = await nodes.join('d');
      await add(c.node, 1);
      const startedAt = performance.now();
      const pid = await secondOwner(stranger, b, [2, 3]);
      t.same(b.events.map(({ event }) => event)[0], 'taken_over', 'two of them, for a moment');
      if (named === 'second') await c.node.global.reRegisterName(NAME, pid);
      await until(() => b.events.length >= 3, { intervalMs: 2 });
      await oneOwner(running);
      t.comment(`one owner within ${Math.round(performance.now() - startedAt)} ms`);
      t.ok(performance.now() - startedAt < 2_000);
      t.ok(a.singleton.isOwner);
      t.equal(await add(c.node, 4), 4, 'it knows what either knew');
      t.strictSame(
        b.events.map(({ event }) => event),
        ['taken_over', 'ended', 'lost'],
      );
      t.strictSame(
        a.events.map(({ event }) => event),
        ['taken_over'],
        'it noticed nothing',
      );
    },
  );
}

t.test('the first owner yields when the second is on the smaller node', async (t) => {
  const { nodes, running } = await cluster(t, 'b', 'c');
  await oneOwner(running);
  const a = await start(await nodes.join('a'));
  const stranger = await nodes.join('d');
  await add(running[1]!.node, 1);
  await secondOwner(stranger, a, [2]);
  await oneOwner([a, ...running]);
  t.ok(a.singleton.isOwner);
  t.equal(await add(running[1]!.node, 3), 3);
});

t.test('word of an owner that there is not, or not any more, does no harm', async (t) => {
  const { running } = await cluster(t, 'a', 'b', 'c');
  await oneOwner(running);
  const [a, b, c] = running as [Running, Running, Running];
  const owner = a.node.global.whereisName(NAME)!;
  const gone = (of: Running) => new Pid(of.node.name, 9_999, 0, owner.creation);
  const tell = (from: Running, to: Running, request: Term) =>
    from.node.client.call({ name: 'notes_member', node: to.node.name }, request);
  await tell(b, a, tuple(atom('merge'), [1], gone(b)));
  await tell(c, a, tuple(atom('owner'), gone(c)));
  // The owner is handed on to `b`; what `a` and `c` are said to have been is over by then.
  await a.singleton.stop();
  await oneOwner([b, c]);
  await tell(a, b, tuple(atom('merge'), [2], owner));
  await tell(a, b, tuple(atom('owner'), owner));
  await delay(50);
  t.ok(b.singleton.isOwner);
  t.equal(await add(c.node, 3), 3);
  t.strictSame(
    b.events.map(({ event }) => event),
    ['taken_over'],
  );
});
