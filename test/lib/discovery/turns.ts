import t from 'tap';
import { Turns } from '../../../lib/discovery/turns.ts';
import { settle } from '../../support/fake-clock.ts';

t.test(
  'so many have their turn at once, the others one by one in the order of their coming',
  async (t) => {
    const turns = new Turns(2);
    const had: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      const turn = turns.take();
      if (turn === undefined) had.push(name);
      else void turn.then(() => had.push(name));
    }
    t.strictSame(had, ['a', 'b']);
    turns.pass();
    await settle();
    t.strictSame(had, ['a', 'b', 'c']);
    turns.pass();
    await settle();
    t.strictSame(had, ['a', 'b', 'c', 'd']);
  },
);

t.test('a turn that nobody waits for is there for the next one', async (t) => {
  const turns = new Turns(1);
  t.equal(turns.take(), undefined);
  turns.pass();
  t.equal(turns.take(), undefined);
  t.not(turns.take(), undefined);
});
