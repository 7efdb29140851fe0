import t, { type Test } from 'tap';
import { Contest } from '../../../lib/singleton/contest.ts';
import type { Members } from '../../../lib/singleton/members.ts';
import { settle } from '../../support/fake-clock.ts';
import { memberRig, pidOf } from '../../support/member-rig.ts';

async function start(t: Test, rank = 0) {
  const rig = await memberRig(t);
  const members = { rank: () => rank } as Members;
  const contest = new Contest(rig.context, members, rig.states, rig.tenure);
  return { ...rig, contest };
}

t.test('the one that wins collects what is known, and serves', async (t) => {
  const { contest, global, tell, tenure, known, events } = await start(t);
  const run = contest.run();
  await settle();
  t.strictSame(global.waits, [], 'the first one does not wait');
  global.registrations[0]!.settle(true);
  await settle();
  t.equal(tenure.serving, undefined);
  await tell('a@h', [1]);
  await tell('z@h', [2]);
  await run;
  t.strictSame(known, [1, 2]);
  t.strictSame(events, ['serves free']);
  t.strictSame(tenure.servingPid, global.owner);
});

t.test('others let it go first, and give up when it has the name', async (t) => {
  const { contest, global, tenure } = await start(t, 2);
  const run = contest.run();
  await settle();
  t.strictSame(global.waits, [200]);
  global.owner = pidOf('a@h');
  global.registrations[0]!.settle(false);
  await run;
  t.equal(tenure.owner, undefined);
  await contest.run();
  t.equal(global.registrations.length, 1, 'nobody contends for a name that is taken');
});

t.test('what was handed over meanwhile is left as it is', async (t) => {
  const { contest, global, tenure, events, calls } = await start(t);
  const run = contest.run();
  await settle();
  const owner = await tenure.take('hand_off');
  global.registrations[0]!.settle(true);
  await run;
  t.equal(tenure.serving, owner);
  t.strictSame(events, ['serves hand_off']);
  t.strictSame(calls, []);
});

t.test('one that serves on a smaller node is given the name, which is never free', async (t) => {
  const { contest, global, tenure, tell } = await start(t);
  const run = contest.run();
  await settle();
  global.registrations[0]!.settle(true);
  await settle();
  const candidate = tenure.owner!;
  await tell('z@h', [], undefined);
  await tell('a@h', [], pidOf('a@h'));
  t.strictSame(global.registrations[1]?.pid, pidOf('a@h'));
  t.ok(candidate.process.isAlive, 'until then ours has it');
  global.registrations[1]!.settle(true);
  await run;
  t.equal(tenure.owner, undefined);
  t.strictSame(global.owner, pidOf('a@h'));
});

t.test('one that has begun to leave before it could ask for the name does not', async (t) => {
  const { contest, global, end, tenure } = await start(t);
  const run = contest.run();
  end.isLeaving = true;
  await run;
  t.equal(global.registrations.length, 0);
  t.equal(tenure.owner, undefined);
});

t.test('one that leaves does not contend', async (t) => {
  const { contest, global, end, tenure } = await start(t);
  const run = contest.run();
  await settle();
  end.isLeaving = true;
  global.registrations[0]!.settle(true);
  await run;
  t.equal(tenure.owner, undefined);
});
