import t, { type Test } from 'tap';
import { atom, type From, type Pid } from '../../../lib/distribution/index.ts';
import type { Members } from '../../../lib/singleton/members.ts';
import { ok } from '../../../lib/singleton/messages.ts';
import { Rivals } from '../../../lib/singleton/rivals.ts';
import { settle } from '../../support/fake-clock.ts';
import { memberRig, pidOf } from '../../support/member-rig.ts';

const [A, Z] = [pidOf('a@h'), pidOf('z@h')];
const NONE = ok(atom('none'));

/** Our owner serves on `m@h`, between the others. */
async function start(t: Test, { member = true, leaving = [] as readonly string[] } = {}) {
  const rig = await memberRig(t);
  const members = {
    knows: async () => member,
    isLeaving: (node: string) => leaving.includes(node),
  } as unknown as Members;
  const { gate, states, tenure } = rig;
  const rivals = new Rivals(rig.context, { gate, members, states, tenure });
  rig.hooks.onWord = (node, owner) => rivals.heard(node, owner);
  const owner = await tenure.take('free');
  /** A request of another member, with the answer that comes at once, if any. */
  const askedBy = async (pid: Pid) => {
    const { process } = await rig.tenure.candidate();
    const from: From = { pid, tag: process.makeRef() } as From;
    return rivals.asked(from, pid);
  };
  return { ...rig, rivals, owner, askedBy };
}

t.test(
  'of two the one on the smaller node stays: it takes the name, then the other ends',
  async (t) => {
    const { rivals, gate, global, owner, tenure, tell, calls, askedBy } = await start(t);
    rivals.heard('z@h', Z);
    rivals.heard('z@h', Z);
    await settle();
    t.match(calls, [{ node: 'z@h', request: { type: 'merge', owner: owner.process.pid } }]);
    t.equal(calls.length, 1, 'it is told once that ours serves');
    t.notOk(gate.isOpen);
    await tell('z@h', [1], Z);
    t.notOk(gate.isOpen, 'it serves still');
    t.match(await askedBy(Z), { noReply: true });
    await settle();
    t.strictSame(
      global.registrations.map(({ pid }) => pid),
      [owner.process.pid],
    );
    global.registrations[0]?.settle(true);
    rivals.heard('z@h', undefined);
    t.ok(gate.isOpen, 'its last state has come');
    t.equal(tenure.serving, owner);
  },
);

t.test('one that has handed over to ours and gets the name late is no rival', async (t) => {
  const { rivals, global, owner, tenure, ended } = await start(t, { leaving: ['a@h', 'z@h'] });
  rivals.displaced(owner, A);
  rivals.displaced(owner, Z);
  await settle();
  t.equal(tenure.serving, owner);
  t.strictSame(ended, []);
  t.strictSame(global.registrations, []);
});

t.test('one that has begun to hand over does not take the name back', async (t) => {
  const { rivals, global, owner, askedBy, end } = await start(t);
  rivals.heard('z@h', Z);
  await askedBy(Z);
  await settle();
  t.strictSame(global.registrations[0]?.pid, owner.process.pid);
  end.isLeaving = true;
  global.owner = Z;
  global.registrations[0]?.settle(true);
  t.strictSame(global.owner, Z);
});

t.test('the one on the greater node asks, and ends with the answer', async (t) => {
  const { rivals, gate, callTo, owner, tenure, ended } = await start(t);
  rivals.heard('a@h', A);
  await settle();
  t.match(callTo('a@h').request, { type: 'owner', owner: owner.process.pid });
  t.notOk(gate.isOpen);
  t.equal(tenure.serving, owner, 'until then it serves');
  callTo('a@h').answer(ok(A));
  await settle();
  t.strictSame(ended, [{ owner, successor: A }]);
});

t.test('one that has ended by the time it is asked is no rival', async (t) => {
  const { rivals, gate, callTo, tell, owner, tenure, known } = await start(t);
  rivals.heard('a@h', A);
  await settle();
  callTo('a@h').answer(NONE);
  await settle();
  t.match(callTo('a@h').request, { type: 'merge' });
  await tell('a@h', [3]);
  t.strictSame(known, [3], 'its last state is known');
  t.ok(gate.isOpen);
  t.equal(tenure.serving, owner);
});

t.test('one that is lost is no rival either, and comes back as one', async (t) => {
  const { rivals, gate, callTo, calls } = await start(t);
  rivals.heard('a@h', A);
  await settle();
  callTo('a@h').answer();
  await settle();
  callTo('a@h').answer();
  await settle();
  t.ok(gate.isOpen);
  rivals.heard('a@h', A);
  await settle();
  t.equal(calls.length, 3, 'it is asked anew');
  rivals.forget('a@h');
  t.ok(gate.isOpen);
  rivals.heard('z@h', Z);
  rivals.forgetAll();
  t.ok(gate.isOpen);
});

t.test('word of an owner elsewhere means nothing to one that does not serve', async (t) => {
  const { rivals, gate, calls, end, askedBy, tenure, owner } = await start(t);
  rivals.heard('a@h', Z);
  t.ok(gate.isOpen, 'nor what one node says of another');
  end.isLeaving = true;
  rivals.heard('a@h', A);
  t.ok(gate.isOpen);
  t.strictSame(calls, []);
  t.strictSame(await askedBy(Z), { reply: NONE });
  end.isLeaving = false;
  t.equal(tenure.serving, owner);
  t.strictSame(await askedBy(A), { reply: ok(owner.process.pid) });
  t.notOk(gate.isOpen, 'and we ask in turn');
});

t.test('a rival that nothing is heard of holds up nobody for long', async (t) => {
  const { rivals, gate, clock } = await start(t);
  rivals.heard('z@h', Z);
  const reconciled = rivals.reconciled([]);
  await clock.advance(2_000);
  await reconciled;
  t.ok(gate.isOpen);
  rivals.heard('z@h', Z);
  t.ok(gate.isOpen, 'that it serves still is no news');
});

t.test('what a former owner knew is asked for, once', async (t) => {
  const { rivals, calls, tell, known } = await start(t);
  t.equal(rivals.reconciled([]), undefined);
  t.equal(rivals.reconciled([pidOf('m@h', 9)]), undefined, 'we know our own');
  const reconciled = rivals.reconciled([Z]);
  t.ok(reconciled);
  t.equal(rivals.reconciled([Z]), reconciled);
  t.equal(calls.length, 1);
  await tell('z@h', [5]);
  await reconciled;
  t.strictSame(known, [5]);
  t.equal(rivals.reconciled([Z]), undefined);
  t.equal(calls.length, 1);
  for (let id = 1; id <= 70; id += 1) {
    void rivals.reconciled([pidOf('a@h', id)]);
    await tell('a@h', []);
  }
  t.ok(rivals.reconciled([Z]), 'of those long ago is asked again');
});

t.test('one whose node is gone, as we see it, is not waited for as long', async (t) => {
  const { rivals, clock, gate } = await start(t);
  void rivals.reconciled([pidOf('gone@h')]);
  await clock.advance(499);
  t.notOk(gate.isOpen);
  await clock.advance(1);
  t.ok(gate.isOpen);
  void rivals.reconciled([Z]);
  await clock.advance(1_999);
  t.notOk(gate.isOpen);
});

t.test('a former owner that serves still is a rival', async (t) => {
  const { rivals, tell, gate } = await start(t);
  const reconciled = rivals.reconciled([Z]);
  let done = false;
  void reconciled?.then(() => {
    done = true;
  });
  await tell('z@h', [], Z);
  t.notOk(done);
  t.ok(rivals.reconciled([Z]), 'the same one, when it is named again');
  rivals.heard('z@h', undefined);
  await reconciled;
  t.ok(gate.isOpen);
});

t.test('displaced by a member on a greater node it takes the name back', async (t) => {
  const { rivals, owner, global, tenure, gate } = await start(t);
  rivals.displaced(owner, Z);
  await settle();
  t.strictSame(global.registrations[0]?.pid, owner.process.pid);
  t.notOk(gate.isOpen);
  t.equal(tenure.serving, owner);
});

t.test('displaced by a process of its own node that has ended, too', async (t) => {
  const { rivals, owner, global, gate } = await start(t);
  rivals.displaced(owner, pidOf('m@h', 9));
  await settle();
  t.equal(global.registrations.length, 1);
  t.ok(gate.isOpen);
});

t.test('a process of its own node that lives is a stranger: it ends', async (t) => {
  const { rivals, owner, global, ended } = await start(t);
  global.owner = pidOf('m@h', 9);
  rivals.displaced(owner, pidOf('m@h', 9));
  t.match(ended, [{ successor: pidOf('m@h', 9) }]);
});

t.test('displaced by a smaller node, or by a stranger, it ends', async (t) => {
  const smaller = await start(t);
  smaller.rivals.displaced(smaller.owner, A);
  t.match(smaller.ended, [{ successor: A }]);
  const stranger = await start(t, { member: false });
  stranger.rivals.displaced(stranger.owner, Z);
  await settle();
  t.match(stranger.ended, [{ successor: Z }], 'nobody there could yield');
});
