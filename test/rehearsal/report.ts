import t from 'tap';
import type { Finding } from '../support/faults/checker.ts';
import type { Attempt, Operation, Outcome } from '../support/faults/history.ts';
import {
  findingProblems,
  loadFigures,
  type StepResult,
  serverErrorProblems,
  table,
} from '../support/rehearsal/report.ts';

const answered = (status: number): Outcome => ({ type: 'answered', status, count: 1 });
const lost: Outcome = { type: 'lost', code: 'ECONNRESET' };

function operation(type: Operation['type'], ...outcomes: readonly Outcome[]): Operation {
  const attempts = outcomes.map((outcome, at): Attempt => {
    const fromMs = at * 100;
    return { node: 'router', fromMs, sentMs: fromMs, toMs: fromMs + 10 * (at + 1), outcome };
  });
  return { client: 'client', type, key: 'key', attempts };
}

t.test('an increment counts once, however often it was asked for', async (t) => {
  const operations = [
    operation('increment', answered(200)),
    operation('increment', lost, answered(503), answered(200)),
    operation('increment', answered(200), answered(200)),
    operation('increment', lost),
    operation('read', answered(200)),
  ];
  t.strictSame(loadFigures(operations), {
    requests: 8,
    increments: 3,
    retries: 3,
    p99Ms: 30,
    slowestMs: 30,
  });
  t.match(loadFigures([]), { requests: 0, slowestMs: 0, p99Ms: 0 });
});

t.test('answers of servers in trouble are problems, by their status', async (t) => {
  const operations = [
    operation('increment', answered(503), answered(503), answered(200)),
    operation('read', answered(500)),
    operation('read', lost),
    operation('read', answered(404)),
  ];
  t.strictSame(serverErrorProblems(operations), [
    'clients were answered 503, 2 times',
    'clients were answered 500, 1 times',
  ]);
});

t.test('of many findings the first of each kind is told', async (t) => {
  const findings: Finding[] = [
    { type: 'lost', message: 'a' },
    { type: 'stale', message: 'b' },
    { type: 'stale', message: 'c' },
  ];
  t.strictSame(findingProblems(findings), ['1 x lost, first: a', '2 x stale, first: b']);
});

t.test('the table has a line for each step, and what was wrong below', async (t) => {
  const load = { requests: 12_000, increments: 8_000, retries: 0, p99Ms: 41.6, slowestMs: 90 };
  const results: StepResult[] = [
    { title: 'build', durationMs: 12_345, problems: [] },
    { title: 'load', durationMs: 5_000, instances: 3, load, count: 8_000, problems: [] },
  ];
  t.equal(
    table(results),
    [
      'step   result    took  instances  requests  increments  retried    p99  slowest  count',
      'build  ok      12.3 s',
      'load   ok       5.0 s          3     12000        8000        0  42 ms    90 ms   8000',
    ].join('\n'),
  );
  const failed = { title: 'crash', durationMs: 1, problems: ['this', 'that'] };
  t.match(table([...results, failed]), /^crash +FAILED +0\.0 s$/m);
  t.match(table([failed]), /\n\nnot as promised:\n {2}crash: this\n {2}crash: that$/);
});
