import t from 'tap';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { ErlangMap } from '../../../../lib/distribution/terms/erlang-map.ts';
import { Float, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';

const map = (count: number) =>
  new ErlangMap(Array.from({ length: count }, (_, i) => [tuple(atom('k'), i), i] as const));

t.test('finds values by equal keys in small and large maps', async (t) => {
  for (const count of [1, 8, 9, 1000]) {
    const entries = map(count);
    t.equal(entries.size, count);
    t.equal(entries.get(tuple(atom('k'), count - 1)), count - 1);
    t.equal(entries.get(tuple(atom('k'), count)), undefined);
    t.ok(entries.has(tuple(atom('k'), 0)));
    t.notOk(entries.has(tuple(atom('k'), new Float(0))));
  }
});

t.test('refuses two equal keys', async (t) => {
  for (const count of [1, 8, 100]) {
    const pairs: (readonly [Term, Term])[] = [...map(count).entries, [tuple(atom('k'), 0n), 1]];
    t.throws(() => new ErlangMap(pairs), { code: 'invalid_term' });
  }
});
