import { test } from 'tap';
import { Replies } from '../../../../lib/distribution/process/replies.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';

test('finds the slot of a reference while it is open, and those of one caller', (t) => {
  const replies = new Replies();
  const waiting = (id: number) => ({
    caller: { pid: new Pid('a@x', id, 0, 1) },
    onMessage: () => {},
    onExit: () => {},
  });
  const [first, second] = [waiting(1), waiting(2)];
  const [one, two] = [new Reference('a@x', 1, [1, 0, 0]), new Reference('a@x', 1, [2, 0, 0])];
  replies.open(one, first);
  replies.open(two, second);
  t.equal(replies.size, 2);
  t.equal(replies.find(new Reference('a@x', 1, [1, 0, 0])), first);
  t.equal(replies.find(new Reference('a@x', 2, [1, 0, 0])), undefined);
  t.same(replies.of(second.caller), [second]);
  t.equal(replies.close(one), true);
  t.equal(replies.close(one), false);
  t.equal(replies.find(one), undefined);
  t.equal(replies.size, 1);
  t.end();
});
