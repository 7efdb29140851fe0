import { test } from 'tap';
import {
  decodePgMessage,
  encodeDiscover,
  encodeJoin,
  encodeLeave,
  encodeSync,
} from '../../../../../lib/distribution/kernel/pg/messages.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { ErlangMap } from '../../../../../lib/distribution/terms/erlang-map.ts';
import { inspectTerm } from '../../../../../lib/distribution/terms/inspect.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { type Term, tuple } from '../../../../../lib/distribution/terms/term.ts';
import { randomTerm } from '../../../../support/random-terms.ts';
import { seededRandom } from '../../../../support/seeded-random.ts';

const S = new Pid('a@h', 10, 0, 1);
const P = new Pid('a@h', 11, 0, 1);
const Q = new Pid('a@h', 12, 0, 1);
const ELSEWHERE = new Pid('b@h', 11, 0, 1);
const G = atom('g');
const cast = (request: Term): Term => tuple(atom('$gen_cast'), request);

test('writes the four shapes of OTP', async (t) => {
  t.equal(inspectTerm(encodeDiscover(S)), '{discover,<a@h.10.0>}');
  t.equal(
    inspectTerm(encodeSync(S, [[G, [P, Q]]])),
    "{'$gen_cast',{sync,<a@h.10.0>,[{g,[<a@h.11.0>,<a@h.12.0>]}]}}",
  );
  t.equal(inspectTerm(encodeJoin(S, G, [P])), '{join,<a@h.10.0>,g,<a@h.11.0>}');
  t.equal(inspectTerm(encodeJoin(S, G, [P, P])), '{join,<a@h.10.0>,g,[<a@h.11.0>,<a@h.11.0>]}');
  t.equal(inspectTerm(encodeLeave(S, [P], [G, 1])), '{leave,<a@h.10.0>,<a@h.11.0>,[g,1]}');
});

test('reads every shape, the one of OTP 29 too', async (t) => {
  t.same(decodePgMessage(encodeDiscover(S)), { type: 'discover', scope: S });
  t.same(decodePgMessage(tuple(atom('discover'), S, 1)), { type: 'discover', scope: S });
  t.same(decodePgMessage(encodeSync(S, [[G, [P, P]]])), {
    ...{ type: 'sync', scope: S, groups: [[G, [P, P]]] },
  });
  t.same(decodePgMessage(encodeSync(S, [])), { type: 'sync', scope: S, groups: [] });
  for (const members of [[P], [P, Q]]) {
    t.same(decodePgMessage(encodeJoin(S, G, members)), {
      ...{ type: 'join', scope: S, group: G, members },
    });
    t.same(decodePgMessage(encodeLeave(S, members, [G])), {
      ...{ type: 'leave', scope: S, members, groups: [G] },
    });
  }
});

test('reads nothing else', async (t) => {
  const improper: Term[] = [
    atom('discover'),
    tuple(),
    tuple(atom('discover'), atom('s')),
    tuple(atom('discover'), S, 1, 2),
    tuple(atom('join'), S, G),
    tuple(atom('join'), S, G, atom('p')),
    tuple(atom('join'), S, G, [P, 1]),
    tuple(atom('join'), 1, G, P),
    tuple(atom('leave'), S, P, G),
    tuple(atom('leave'), S, [P, atom('q')], [G]),
    tuple(atom('leave'), 1, P, [G]),
    tuple(atom('sync'), S, []),
    cast(tuple(atom('sync'), S, G)),
    cast(tuple(atom('sync'), G, [])),
    cast(tuple(atom('sync'), S, [G])),
    cast(tuple(atom('sync'), S, [tuple(G, P)])),
    cast(tuple(atom('sync'), S, [tuple(G, [1])])),
    cast(tuple(atom('sync'), S, [tuple(G, [P], 1)])),
    // What OTP 29 says to those that announce version 1.
    cast(tuple(atom('local_data'), S, 1, new ErlangMap([[G, [P]]]))),
    tuple(atom('update'), S, [tuple(G, [P], [])]),
    tuple(atom('$gen_call'), tuple(P, 1), tuple(atom('join_local'), G, P)),
  ];
  for (const term of improper) t.equal(decodePgMessage(term), undefined, inspectTerm(term));
});

test('believes a scope nothing of the processes of another node', async (t) => {
  t.equal(decodePgMessage(encodeJoin(S, G, [ELSEWHERE])), undefined);
  t.equal(decodePgMessage(encodeLeave(S, [P, ELSEWHERE], [G])), undefined);
  t.equal(decodePgMessage(encodeSync(S, [[G, [ELSEWHERE]]])), undefined);
});

test('reads any term without an error', async (t) => {
  const random = seededRandom(1);
  const tags = ['discover', 'join', 'leave', 'sync'].map(atom);
  for (let round = 0; round < 2_000; round += 1) {
    const parts = Array.from({ length: round % 4 }, () => randomTerm(random));
    const term = tuple(tags[round % 4]!, ...(round % 3 === 0 ? [] : [S]), ...parts);
    decodePgMessage(term);
    decodePgMessage(cast(term));
  }
  t.pass('none was thrown');
});
