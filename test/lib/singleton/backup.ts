import t from 'tap';
import { BAD_STATE, DONE } from '../../../lib/singleton/messages.ts';
import { settle } from '../../support/fake-clock.ts';
import { memberRig } from '../../support/member-rig.ts';

const REQUEST = { type: 'replicate', state: [1] } as const;

t.test('one member keeps it: the same one as long as it is quick', async (t) => {
  const { backup, calls, callTo, clock } = await memberRig(t);
  for (let round = 0; round < 2; round += 1) {
    const kept = backup.keep(REQUEST);
    callTo('a@h').answer(DONE);
    await kept;
  }
  t.strictSame(
    calls.map(({ node }) => node),
    ['a@h', 'a@h'],
  );
  t.equal(clock.pending, 0);
});

t.test('one that is slow is not waited for, nor asked first the next time', async (t) => {
  const { backup, calls, callTo, clock } = await memberRig(t);
  const kept = backup.keep(REQUEST);
  await clock.advance(249);
  t.equal(calls.length, 1);
  await clock.advance(1);
  callTo('z@h').answer(DONE);
  await kept;
  const next = backup.keep(REQUEST);
  t.equal(calls.at(-1)?.node, 'z@h');
  calls.at(-1)?.answer(DONE);
  await next;
  calls[0]?.answer(DONE);
  await settle();
  void backup.keep(REQUEST);
  t.equal(calls.at(-1)?.node, 'a@h', 'it has caught up');
});

t.test(
  'the one that refuses is followed by the next; with none left it is kept here',
  async (t) => {
    const { backup, callTo, names } = await memberRig(t);
    const kept = backup.keep(REQUEST);
    callTo('a@h').answer(BAD_STATE);
    await settle();
    callTo('z@h').answer();
    await kept;
    names.length = 0;
    await backup.keep(REQUEST);
  },
);

t.test('an only member that is slow is waited for', async (t) => {
  const { backup, callTo, names, clock } = await memberRig(t);
  names.length = 1;
  let done = false;
  const kept = backup.keep(REQUEST).then(() => {
    done = true;
  });
  await clock.advance(60_000);
  t.notOk(done, 'kept by one node alone it would be lost with it');
  callTo('a@h').answer(DONE);
  await kept;
});

t.test('a member may be asked before all others', async (t) => {
  const { backup, calls } = await memberRig(t);
  void backup.keep(REQUEST, 'z@h');
  void backup.keep(REQUEST, 'unknown@h');
  t.strictSame(
    calls.map(({ node }) => node),
    ['z@h', 'a@h'],
  );
});

t.test('all members get what is spread, as far as they answer in time', async (t) => {
  const { backup, calls } = await memberRig(t);
  const spread = backup.spread(REQUEST);
  t.match(calls, [
    { node: 'a@h', timeoutMs: 250 },
    { node: 'z@h', timeoutMs: 250 },
  ]);
  calls[0]?.answer(DONE);
  calls[1]?.answer();
  await spread;
});
