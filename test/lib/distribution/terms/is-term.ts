import t from 'tap';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { ErlangMap } from '../../../../lib/distribution/terms/erlang-map.ts';
import { isTermObject } from '../../../../lib/distribution/terms/is-term.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { float, ImproperList, tuple } from '../../../../lib/distribution/terms/term.ts';

t.test('only what can be nothing but a term counts', async (t) => {
  const terms = [
    ...[atom('ok'), tuple(), float(1), new ErlangMap([])],
    ...[new ImproperList([1], 2), new Pid('a@h', 1, 0, 1)],
  ];
  for (const term of terms) t.ok(isTermObject(term));
  for (const other of [1, 1n, 'ok', [], new Uint8Array(1), {}, null, undefined]) {
    t.notOk(isTermObject(other));
  }
});
