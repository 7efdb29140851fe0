import t, { type Test } from 'tap';
import { atom, type Pid } from '../../../lib/distribution/index.ts';
import { handOver, leave } from '../../../lib/singleton/hand-off.ts';
import type { Members } from '../../../lib/singleton/members.ts';
import { BAD_STATE, DONE, ok } from '../../../lib/singleton/messages.ts';
import { settle } from '../../support/fake-clock.ts';
import { memberRig, pidOf } from '../../support/member-rig.ts';

async function start(t: Test) {
  const rig = await memberRig(t);
  const members = { names: () => rig.names } as unknown as Members;
  const owner = await rig.tenure.take('free');
  rig.known.push(7);
  rig.end.isLeaving = true;
  const call = (term: number) =>
    rig.node.client.call(owner.process.pid, term, { timeoutMs: 1_000 });
  return { ...rig, members, owner, call };
}

t.test('the first that takes it gets the state, the name, and what still arrives', async (t) => {
  const { context, members, states, owner, callTo, global, call, events, node } = await start(t);
  // The successor, which answers whatever is passed on to it.
  const successor = node.local.processes.spawnServer({
    onMessage: (message) => void passedOn.push(message),
  });
  const passedOn: unknown[] = [];
  const handedOver = handOver(context, members, states, owner);
  call(1).catch(() => undefined);
  await settle();
  t.match(callTo('a@h').request, { type: 'take_over', state: [7] });
  t.equal(callTo('a@h').timeoutMs, 1_000);
  callTo('a@h').answer(BAD_STATE);
  await settle();
  callTo('z@h').answer(ok(successor.pid));
  await settle();
  t.equal(passedOn.length, 1, 'what waited');
  t.strictSame(global.registrations[0]?.pid, successor.pid);
  global.registrations[0]?.settle(true);
  await handedOver;
  call(2).catch(() => undefined);
  await settle();
  t.equal(passedOn.length, 2, 'what comes late');
  t.strictSame(events.at(-1), 'thing.handed_over');
  t.ok(owner.process.isAlive);
});

t.test('the name is given on to the successor by the last of those that had it', async (t) => {
  const { context, members, states, owner, callTo, global } = await start(t);
  const [A, B, C] = [pidOf('a@h'), pidOf('b@h'), pidOf('c@h')];
  // Ours was given it by one that has the name still.
  global.owner = B;
  void handOver(context, members, states, owner);
  await settle();
  callTo('a@h').answer(ok(A));
  await settle();
  const [given] = global.registrations;
  const holderAfter = (holder: Pid | undefined): Pid | undefined => {
    global.owner = holder;
    given?.settle(true);
    return global.owner;
  };
  t.strictSame(holderAfter(B), A, 'from the one before us');
  t.strictSame(holderAfter(owner.process.pid), A, 'from us');
  t.strictSame(holderAfter(undefined), A, 'from nobody');
  t.strictSame(holderAfter(C), C, 'not from one to which it has been given since');
});

t.test('with nobody to take it what waited is answered here', async (t) => {
  const { context, members, states, owner, callTo, call, events } = await start(t);
  const handedOver = handOver(context, members, states, owner);
  const answer = call(5);
  await settle();
  callTo('a@h').answer();
  await settle();
  callTo('z@h').answer(BAD_STATE);
  t.equal(await answer, 5);
  await handedOver;
  t.notOk(owner.process.isAlive);
  t.notOk(events.includes('thing.handed_over'));
});

t.test('one that is given up asks nobody else', async (t) => {
  const { context, members, states, owner, calls, process } = await start(t);
  const handedOver = handOver(context, members, states, owner);
  await settle();
  process.stop(atom('shutdown'));
  calls[0]?.answer();
  await handedOver;
  t.equal(calls.length, 1);
});

t.test('one that is no owner leaves its state with the owner, if that is quick', async (t) => {
  const { context, backup, states, callTo, calls, global, clock } = await start(t);
  global.owner = pidOf('z@h');
  const left = leave(context, backup, states);
  t.match(calls, [{ node: 'z@h', request: { type: 'leaving', node: 'm@h', state: [7] } }]);
  await clock.advance(250);
  callTo('a@h').answer(DONE);
  await left;
  const late = leave(context, backup, states);
  await clock.advance(2_000);
  await late;
});
