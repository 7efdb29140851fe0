import t from 'tap';
import {
  type ChildSpec,
  completeChildSpec,
  completeChildSpecs,
} from '../../../lib/supervisor/child-spec.ts';

const start = () => 'ignore' as const;

t.test('a worker is permanent and has five seconds to shut down', async (t) => {
  t.same(completeChildSpec({ id: 'a', start }), {
    id: 'a',
    start,
    restart: 'permanent',
    shutdown: 5000,
    type: 'worker',
  });
});

t.test('a supervisor has all the time it needs', async (t) => {
  t.equal(completeChildSpec({ id: 'a', start, type: 'supervisor' }).shutdown, 'infinity');
  t.equal(completeChildSpec({ id: 'a', start, type: 'supervisor', shutdown: 7 }).shutdown, 7);
});

t.test('a wrong field is named with what was expected and what came', async (t) => {
  // Cast because these values come from callers that the compiler does not see.
  const wrong = (fields: Record<string, unknown>) => () =>
    completeChildSpec({ id: 'a', start, ...fields } as ChildSpec);
  t.throws(wrong({ id: '' }), /id must be a non-empty string, got ""/);
  t.throws(wrong({ id: 7 }), /id must be a non-empty string, got 7/);
  t.throws(wrong({ start: 'now' }), /child spec "a": start must be a function, got "now"/);
  t.throws(
    wrong({ restart: 'always' }),
    /restart must be permanent, transient, temporary, got "al/,
  );
  t.throws(wrong({ type: 'boss' }), /type must be worker, supervisor, got "boss"/);
  for (const shutdown of ['soon', -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5']) {
    t.throws(wrong({ shutdown }), /shutdown must be brutal_kill, infinity or whole millis/);
  }
});

t.test('every way to shut down is accepted', async (t) => {
  for (const shutdown of ['brutal_kill', 'infinity', 0, 2 ** 31 - 1] as const) {
    t.equal(completeChildSpec({ id: 'a', start, shutdown }).shutdown, shutdown);
  }
});

t.test('ids are unique within a list', async (t) => {
  t.throws(
    () =>
      completeChildSpecs([
        { id: 'a', start },
        { id: 'b', start },
        { id: 'a', start },
      ]),
    /child spec "a": id occurs more than once/,
  );
  t.equal(
    completeChildSpecs([
      { id: 'a', start },
      { id: 'b', start },
    ]).length,
    2,
  );
});
