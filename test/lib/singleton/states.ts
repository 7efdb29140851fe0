import t from 'tap';
import { atom } from '../../../lib/distribution/index.ts';
import { settle } from '../../support/fake-clock.ts';
import { memberRig, pidOf } from '../../support/member-rig.ts';

t.test('who is asked tells what it knows, and which owner it has', async (t) => {
  const { states, tell, known, words, callTo } = await memberRig(t);
  const asked = states.ask('a@h', { type: 'collect' });
  await tell('a@h', [1], pidOf('a@h'));
  t.strictSame(await asked, pidOf('a@h'));
  t.strictSame(known, [1]);
  const lost = states.ask('a@h', { type: 'collect' });
  callTo('a@h').answer();
  t.equal(await lost, undefined);
  t.strictSame(words, ['a@h: a@h'], 'no answer is no word');
});

t.test('a state that is not understood is refused, and said to be', async (t) => {
  const { states, events } = await memberRig(t);
  t.notOk(states.merge(atom('nonsense'), 'a@h'));
  t.strictSame(events, ['thing.state_refused']);
});

t.test('nothing is reconciled while a member is welcomed', async (t) => {
  const { states, gate, tell, known, callTo, clock } = await memberRig(t);
  known.push(4);
  const welcomed = states.welcome('z@h');
  t.notOk(gate.isOpen);
  t.match(callTo('z@h').request, { type: 'merge', state: [4], owner: undefined });
  await tell('z@h', [9]);
  await welcomed;
  t.ok(gate.isOpen);
  t.strictSame(known, [4, 9]);
  void states.welcome('z@h');
  await clock.advance(500);
  t.ok(gate.isOpen, 'but only so long');
});

t.test('a new owner collects what the members know, and waits for the slow ones', async (t) => {
  const { states, gate, tell, known, clock } = await memberRig(t);
  const collected = states.collect();
  await tell('a@h', [1]);
  await clock.advance(500);
  t.equal(await collected, undefined);
  t.notOk(gate.isOpen, 'nothing is reconciled without the slow one');
  await tell('z@h', [2]);
  t.strictSame(known, [1, 2], 'what comes late is merged');
  t.ok(gate.isOpen);
});

t.test('an owner on a smaller node has the name already', async (t) => {
  const { states, tell } = await memberRig(t);
  for (const [owner, taken] of [
    ['a@h', pidOf('a@h')],
    ['z@h', undefined],
  ] as const) {
    const collected = states.collect();
    await tell('a@h', [], owner === 'a@h' ? pidOf('a@h') : undefined);
    await tell('z@h', [], pidOf('z@h'));
    t.strictSame(await collected, taken);
  }
});

t.test('rounds do not overlap; what happens during one begins another', async (t) => {
  const { states, calls, tell } = await memberRig(t);
  const first = states.synchronise();
  void states.synchronise();
  void states.synchronise();
  await settle();
  t.equal(calls.length, 2);
  await tell('a@h', []);
  await tell('z@h', []);
  t.equal(calls.length, 4, 'once more for both');
  await tell('a@h', []);
  await tell('z@h', []);
  await first;
  t.equal(calls.length, 4);
});
