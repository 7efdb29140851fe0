import t from 'tap';
import {
  CallError,
  ConnectionError,
  isAtom,
  ProcessError,
} from '../../../lib/distribution/index.ts';
import { DEFAULT_TIMING } from '../../../lib/singleton/context.ts';
import { settle } from '../../support/fake-clock.ts';
import { memberRig } from '../../support/member-rig.ts';

const stopped = new ProcessError('stopped', 'the node stops');

t.test('the smaller node name comes first, as `global` has it', async (t) => {
  const { context } = await memberRig(t);
  t.strictSame(
    ['a@h', 'z@h', 'm@h'].map((node) => context.staysBefore(node)),
    [...[false, true, false]],
  );
  t.equal(context.nodeName, 'm@h');
  t.strictSame(context.timing, DEFAULT_TIMING);
});

t.test('a member that does not answer is no error', async (t) => {
  const { context, callTo } = await memberRig(t);
  const lost = context.call('a@h', { type: 'collect' }, 70);
  t.match(callTo('a@h'), { request: { type: 'collect' }, timeoutMs: 70 });
  callTo('a@h').answer();
  t.equal(await lost, undefined);
  const answered = context.call('a@h', { type: 'collect' });
  t.equal(callTo('a@h').timeoutMs, Number.POSITIVE_INFINITY);
  callTo('a@h').answer(5);
  t.equal(await answered, 5);
});

t.test('waits for work so long and no longer', async (t) => {
  const { context, clock } = await memberRig(t);
  await context.within(Promise.resolve(), 10);
  t.equal(clock.pending, 0);
  const bounded = context.within(new Promise(() => undefined), 10);
  await clock.advance(10);
  await bounded;
  await context.within(Promise.reject(stopped), 10);
  await t.rejects(context.within(Promise.reject(new Error('a fault')), 10), { message: 'a fault' });
  t.equal(clock.pending, 0);
});

t.test('an error that nobody waits for is a fault, unless all comes to its end', async (t) => {
  const { context, errors, end } = await memberRig(t);
  const fault = new Error('a fault');
  const off = new ConnectionError('distribution_off', 'the node stops');
  for (const error of [fault, stopped, off]) context.background(Promise.reject(error));
  await settle();
  t.strictSame(errors, [fault]);
  end.isLeaving = true;
  context.background(Promise.reject(new CallError('timeout', 'late')));
  await settle();
  t.equal(errors.length, 1);
  t.ok(context.isLeaving);
});

t.test('events have the prefix of the singleton', async (t) => {
  const { context, events } = await memberRig(t);
  context.emit('happened', {}, {});
  t.strictSame(events, ['thing.happened']);
  t.ok(isAtom(context.options.name, 'thing'));
});
