import t from 'tap';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { MAX_TERM_DEPTH } from '../../../../lib/distribution/terms/limits.ts';
import { binary, float, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { termEquals } from '../../../../lib/distribution/terms/term-equals.ts';

// The pairs that are the same term, and those that are not, are in the tests of term keys.

t.test('compares what it holds, not which object it is', async (t) => {
  const message = (): Term => tuple(atom('reply'), [binary('a'), float(1)], 2n ** 70n);
  t.ok(termEquals(message(), message()));
  t.notOk(termEquals(message(), tuple(atom('reply'), [binary('b'), float(1)], 2n ** 70n)));
});

t.test('a length is looked at before any element', async (t) => {
  t.notOk(termEquals([], [1]));
  t.notOk(termEquals(tuple(1), tuple(1, 2)));
  t.notOk(termEquals([1], tuple(1)));
});

t.test('nesting beyond the cap is refused, not a stack overflow', async (t) => {
  const nested = (): Term => {
    let term: Term = 1;
    for (let i = 0; i < MAX_TERM_DEPTH + 10; i += 1) term = [term];
    return term;
  };
  t.throws(() => termEquals(nested(), nested()), { code: 'limit_exceeded' });
});
