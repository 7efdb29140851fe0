/** The checker of the fault tests finds what is wrong, and nothing in what is right. */
import t from 'tap';
import { check, summary, tally } from '../support/faults/checker.ts';
import type { Attempt, History, Operation, Outcome } from '../support/faults/history.ts';

const ok = (count: number): Outcome => ({ type: 'answered', status: 200, count });
const unavailable: Outcome = { type: 'answered', status: 503, count: undefined };
const lost: Outcome = { type: 'lost', code: 'ECONNRESET' };
const refused: Outcome = { type: 'refused', code: 'ECONNREFUSED' };

/** An attempt at node `a` from one time to another. */
const at = (fromMs: number, toMs: number, outcome: Outcome, node = 'a'): Attempt => ({
  ...{ node, fromMs, sentMs: fromMs, toMs, outcome },
});
const increment = (...attempts: Attempt[]): Operation => ({
  ...{ client: 'c', type: 'increment', key: undefined, attempts },
});
const keyed = (...attempts: Attempt[]): Operation => ({
  ...{ client: 'c', type: 'increment', key: 'k', attempts },
});
const read = (...attempts: Attempt[]): Operation => ({
  ...{ client: 'c', type: 'read', key: undefined, attempts },
});

/** A history in which one order holds from beginning to end, unless told otherwise. */
function history(operations: Operation[], final: number, more: Partial<History> = {}): History {
  return {
    operations,
    initial: 0,
    final,
    absences: [],
    splits: [],
    excused: [],
    eras: [{ name: 'the run', fromMs: 0, toMs: Infinity }],
    ...more,
  };
}

const everything = { excused: [{ fromMs: 0, toMs: 1_000 }] };

const GOOD: Readonly<Record<string, History>> = {
  'nothing at all': history([], 0),
  'one after the other': history(
    [increment(at(0, 1, ok(1))), read(at(2, 3, ok(1))), increment(at(4, 5, ok(2)))],
    2,
  ),
  'at the same time, in any order': history(
    [increment(at(0, 9, ok(2))), increment(at(1, 8, ok(1))), read(at(2, 7, ok(0)))],
    2,
  ),
  'an unknown outcome that counted': history([increment(at(0, 1, lost))], 1, everything),
  'an unknown outcome that did not': history([increment(at(0, 1, unavailable))], 0, everything),
  'a refused connection': history([increment(at(0, 1, refused))], 0, everything),
  'a retry with the same key': history(
    [keyed(at(0, 1, lost), at(2, 3, unavailable, 'b'), at(4, 5, ok(1), 'b'))],
    1,
    everything,
  ),
  'the first answer again': history(
    [keyed(at(0, 1, ok(1)), at(8, 9, ok(1))), increment(at(2, 3, ok(2)))],
    2,
  ),
  'a start elsewhere than at zero': history([increment(at(0, 1, ok(8)))], 8, { initial: 7 }),
  'two sides of a split': history(
    [increment(at(5, 6, ok(1))), increment(at(7, 8, ok(1), 'b')), increment(at(20, 21, ok(3)))],
    3,
    {
      splits: [{ fromMs: 4, toMs: 10 }],
      eras: [
        { name: 'side a', fromMs: 4, toMs: 10, nodes: ['a'] },
        { name: 'side b', fromMs: 4, toMs: 10, nodes: ['b'] },
        { name: 'healed', fromMs: 10, toMs: Infinity },
      ],
    },
  ),
  'nobody there': history([increment(at(5, 6, refused)), increment(at(5, 6, lost))], 0, {
    absences: [{ node: 'a', type: 'killed', fromMs: 4, toMs: 10 }],
  }),
  'a stop before a request of a busy client was sent': history(
    [
      increment({ ...at(0, 101, lost), sentMs: 99 }),
      increment({ ...at(0, 101, lost), sentMs: undefined }),
    ],
    0,
    { absences: [{ node: 'a', type: 'stopping', fromMs: 100, toMs: 200 }] },
  ),
  'a stop just after a request was sent': history([increment(at(5, 20, lost))], 0, {
    absences: [{ node: 'a', type: 'stopping', fromMs: 10, toMs: 30 }],
  }),
};

for (const [title, good] of Object.entries(GOOD)) {
  t.test(`finds nothing wrong with: ${title}`, async (t) => t.strictSame(check(good), []));
}

const BAD: Readonly<Record<string, readonly [History, ...string[]]>> = {
  'an acknowledged increment that is missing': [history([increment(at(0, 1, ok(1)))], 0), 'lost'],
  'an increment that counted twice': [history([increment(at(0, 1, ok(1)))], 2), 'overcounted'],
  'a retry that counted again': [
    history([keyed(at(0, 1, lost), at(2, 3, ok(1)))], 2, everything),
    'overcounted',
  ],
  'an increment that counted though nobody heard of it': [
    history([increment(at(0, 1, refused))], 1, everything),
    'overcounted',
  ],
  'another answer to the same key': [
    history([keyed(at(0, 1, ok(1)), at(2, 3, ok(2))), increment(at(0, 9, ok(2)))], 2),
    'key_answered_differently',
  ],
  'a value above all that was asked for': [history([read(at(0, 1, ok(1)))], 0), 'too_high'],
  'a value that misses what was acknowledged before': [
    history([increment(at(0, 1, ok(1))), read(at(2, 3, ok(0)))], 1),
    'stale',
    'went_back',
  ],
  'the same value twice': [
    history([increment(at(0, 9, ok(1))), increment(at(0, 9, ok(1)))], 2),
    'repeated',
  ],
  'the same value one after the other': [
    history([increment(at(0, 1, ok(1))), increment(at(2, 3, ok(1)))], 2),
    'stale',
    'repeated',
    'went_back',
  ],
  'a value that goes back, though high enough for what was acknowledged': [
    history([read(at(0, 3, ok(1))), read(at(4, 6, ok(0))), increment(at(1, 9, ok(1)))], 1),
    'went_back',
  ],
  'a value that goes back within a reign': [
    history([read(at(12, 13, ok(1))), read(at(14, 15, ok(0))), increment(at(1, 90, ok(1)))], 1, {
      eras: [{ name: 'reign', fromMs: 10, toMs: 20 }],
    }),
    'went_back',
  ],
  'a 5xx of a node that is there': [history([increment(at(0, 1, unavailable))], 0), 'server_error'],
  'a 5xx to a request that came before the SIGTERM': [
    history([increment(at(0, 101, unavailable))], 0, {
      absences: [{ node: 'a', type: 'stopping', fromMs: 100, toMs: 200 }],
    }),
    'server_error',
  ],
  'a connection that is lost though the node is there': [
    history([increment(at(0, 1, lost))], 0),
    'no_answer',
  ],
  'another status than the service has': [
    history([increment(at(0, 1, { type: 'answered', status: 404, count: undefined }))], 0),
    'unexpected_status',
  ],
  'an answer without a count': [
    history([read(at(0, 1, { type: 'answered', status: 200, count: undefined }))], 0),
    'unexpected_status',
  ],
};

for (const [title, [bad, ...types]] of Object.entries(BAD)) {
  t.test(`finds: ${title}`, async (t) =>
    t.strictSame(
      check(bad).map(({ type }) => type),
      types,
    ),
  );
}

t.test('counts what is acknowledged and what is unknown', async (t) => {
  const operations = [
    increment(at(0, 1, ok(1))),
    increment(at(0, 1, lost)),
    increment(at(0, 1, unavailable)),
    increment(at(0, 1, refused)),
    keyed(at(0, 1, lost), at(2, 3, ok(2))),
    keyed(at(0, 1, lost), at(2, 3, refused)),
    read(at(0, 1, ok(1))),
    read(at(0, 1, lost)),
  ];
  t.strictSame(tally({ operations }), { acknowledged: 2, unknown: 3, reads: 1 });
});

t.test('a summary counts the findings of each kind, and has the first of them', async (t) => {
  t.strictSame(summary([]), []);
  const stale = Array.from({ length: 7 }, (_, n) => ({ type: 'stale' as const, message: `${n}` }));
  t.strictSame(
    summary([...stale.slice(0, 3), { type: 'lost', message: 'one' }, ...stale.slice(3)]),
    [
      ...['7 x stale', 'stale: 0', 'stale: 1', 'stale: 2', 'stale: 3', 'stale: 4'],
      ...['1 x lost', 'lost: one'],
    ],
  );
});
