import t from 'tap';
import { Gate } from '../../../lib/singleton/gate.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

t.test('it is open unless somebody holds it', async (t) => {
  const clock = new FakeClock();
  const gate = new Gate(clock);
  t.ok(gate.isOpen);
  t.equal(gate.opened(), undefined);
  const [first, second] = [gate.hold(50), gate.hold(80)];
  let opened = 0;
  for (let waiter = 0; waiter < 3; waiter += 1) void gate.opened()?.then(() => (opened += 1));
  first();
  first();
  await settle();
  t.equal(opened, 0, 'the other one holds it');
  second();
  await settle();
  t.equal(opened, 3);
  t.ok(gate.isOpen);
  t.equal(clock.pending, 0);
});

t.test('nobody holds it longer than allowed', async (t) => {
  const clock = new FakeClock();
  const gate = new Gate(clock);
  const release = gate.hold(50);
  const opened = gate.opened();
  await clock.advance(50);
  await opened;
  release();
  t.ok(gate.isOpen);
  gate.hold(10);
  const next = gate.opened();
  gate.hold(10);
  gate.releaseAll();
  await next;
  t.equal(clock.pending, 0);
});
