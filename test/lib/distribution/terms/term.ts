import t from 'tap';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { binary, Float, float, isTuple, tuple } from '../../../../lib/distribution/terms/term.ts';

t.test('a float without a fraction is told apart from an integer', async (t) => {
  t.match(float(1), { constructor: Float, value: 1 });
  const zero = float(-0);
  t.ok(zero instanceof Float && Object.is(zero.value, -0), 'negative zero too');
  t.match(float(1e300), { constructor: Float });
  t.equal(float(1.5), 1.5);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => float(value), RangeError);
});

t.test('a tuple is recognised by arity and tag', async (t) => {
  const exit = tuple(atom('EXIT'), 1, 2);
  t.equal(exit.arity, 3);
  t.ok(isTuple(exit));
  t.ok(isTuple(exit, 3));
  t.ok(isTuple(exit, 3, 'EXIT'));
  t.ok(isTuple(exit, undefined, 'EXIT'));
  t.notOk(isTuple(exit, 2, 'EXIT'));
  t.notOk(isTuple(exit, 3, 'DOWN'));
  t.notOk(isTuple(tuple(), 0, 'EXIT'), 'an empty tuple has no tag');
  t.notOk(isTuple([atom('EXIT')], 1, 'EXIT'));
});

t.test('an Elixir string is UTF-8', async (t) => {
  t.strictSame([...binary('é')], [0xc3, 0xa9]);
  t.equal(binary('').length, 0);
});
