import t from 'tap';
import { type DialsFailed, DialWarnings } from '../../../lib/discovery/dial-warnings.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const told: DialsFailed[] = [];
  const tell = (event: DialsFailed) => told.push(event);
  const warnings = new DialWarnings({ clock, tell, maxNamed: 2, windowMs: 1_000 });
  return { clock, told, warnings };
}

t.test('a few are told each by itself, the others together with the first names', async (t) => {
  const { clock, told, warnings } = setUp();
  const nodes = ['a', 'b', 'c', 'd', 'e'];
  t.same(
    nodes.filter((node) => warnings.failed(node)),
    ['a', 'b'],
  );
  t.same(told, []);
  await clock.advance(1_000);
  t.same(told, [{ type: 'dials_failed', count: 3, nodes: ['c', 'd'] }]);
});

t.test('a few alone leave nothing to be told, and another time begins anew', async (t) => {
  const { clock, told, warnings } = setUp();
  t.ok(warnings.failed('a'));
  await clock.advance(1_000);
  t.equal(clock.pending, 0);
  t.ok(warnings.failed('b'));
  t.ok(warnings.failed('c'));
  t.notOk(warnings.failed('d'));
  t.same(told, []);
});

t.test('the end tells what is left, and leaves no timer', async (t) => {
  const { clock, told, warnings } = setUp();
  for (const node of ['a', 'b', 'c']) warnings.failed(node);
  warnings.end();
  t.same(told, [{ type: 'dials_failed', count: 1, nodes: ['c'] }]);
  t.equal(clock.pending, 0);
  warnings.end();
  t.equal(told.length, 1);
});
