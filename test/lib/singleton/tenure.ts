import t from 'tap';
import { isAtom } from '../../../lib/distribution/index.ts';
import { settle } from '../../support/fake-clock.ts';
import { memberRig, pidOf } from '../../support/member-rig.ts';

t.test('there is one process, whoever asks for it', async (t) => {
  const { tenure } = await memberRig(t);
  const [first, second] = await Promise.all([tenure.candidate(), tenure.candidate()]);
  t.equal(first, second);
  t.equal(await tenure.candidate(), first);
  t.equal(tenure.owner, first);
  t.equal(tenure.serving, undefined, 'it waits');
});

t.test('a predecessor hands over to the process that waits for the name', async (t) => {
  const { tenure, node, events } = await memberRig(t);
  const waiting = await tenure.candidate();
  const early = node.client.call(waiting.process.pid, 7);
  t.equal(await tenure.take('hand_off'), waiting);
  t.equal(await early, 7);
  t.strictSame(tenure.servingPid, waiting.process.pid);
  t.equal(await tenure.take('free'), waiting, 'once is enough');
  t.strictSame(events, ['serves hand_off']);
});

t.test('one that was released meanwhile is not made to serve', async (t) => {
  const { tenure } = await memberRig(t);
  const waiting = await tenure.candidate();
  const taken = tenure.take('hand_off');
  tenure.release(waiting);
  const owner = await taken;
  t.not(owner, waiting);
  t.equal(tenure.serving, owner);
  t.notOk(waiting.serves);
  t.ok(isAtom(await waiting.process.exited, 'normal'));
});

t.test('one that yields has ended, in favour of another', async (t) => {
  const { tenure, ended } = await memberRig(t);
  const owner = await tenure.take('free');
  tenure.yield(owner, pidOf('a@h'));
  tenure.yield(owner, pidOf('a@h'));
  t.strictSame(ended, [{ owner, successor: pidOf('a@h') }]);
  t.notOk(owner.process.isAlive);
  await settle();
  t.equal(ended.length, 1);
  t.equal(tenure.owner, undefined);
});

t.test('the end of one that served is told, that of one that waited is not', async (t) => {
  const { tenure, ended } = await memberRig(t);
  const waiting = await tenure.candidate();
  waiting.process.stop(7);
  await settle();
  t.equal(tenure.owner, undefined);
  const owner = await tenure.take('free');
  owner.process.stop(7);
  await settle();
  t.strictSame(ended, [{ owner, successor: undefined }]);
});

t.test('one that is leaving serves nobody any more', async (t) => {
  const { tenure, end } = await memberRig(t);
  await tenure.take('free');
  end.isLeaving = true;
  t.equal(tenure.serving, undefined);
  t.ok(tenure.owner?.serves);
});
