import t from 'tap';
import { foreignSession } from '../../../lib/counter/session.ts';
import { isGone, SingleCalls } from '../../../lib/counter/single-calls.ts';
import { CounterState } from '../../../lib/counter/state.ts';
import { Waiter } from '../../../lib/counter/waiter.ts';
import {
  atom,
  CallError,
  type CallErrorCode,
  Pid,
  type Term,
} from '../../../lib/distribution/index.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const PID = new Pid('elixir@h', 1, 0, 1);
const OWNER = { pid: PID, batches: false };

function start() {
  const state = new CounterState();
  const calls: {
    readonly request: Term;
    readonly timeoutMs: number | undefined;
    readonly answer: (term: Term) => void;
    readonly fail: (code: CallErrorCode) => void;
  }[] = [];
  const log: string[] = [];
  const singly = new SingleCalls({
    state,
    client: {
      call: (_, request, { timeoutMs } = {}) =>
        new Promise((resolve, reject) => {
          const fail = (code: CallErrorCode) => reject(new CallError(code, code));
          calls.push({ request, timeoutMs, answer: resolve, fail });
        }),
    },
    flush: async () => void log.push('flush'),
    spread: async (keys) => void log.push(...keys.map(([key, { value }]) => `${key}: ${value}`)),
    clock: new FakeClock(),
    now: () => 0,
    onGone: (pid) => log.push(`gone ${pid.node}`),
  });
  const waiter = (key?: string, deadlineMs = 100): Waiter => new Waiter(key, deadlineMs);
  return { singly, state, calls, log, waiter };
}

t.test('what is seen of a stranger’s count is kept', async (t) => {
  const { singly, state, calls } = start();
  const asked = singly.ask(OWNER, atom('get'), 40, undefined);
  t.match(calls, [{ timeoutMs: 40 }]);
  calls[0]!.answer(41);
  t.equal(await asked, 41);
  t.match(state.entry(foreignSession(PID.key)), { share: 41 });
  const wrong = t.rejects(singly.ask(OWNER, atom('get'), 40, undefined), { code: 'bad_reply' });
  calls[1]!.answer(atom('what'));
  await wrong;
  const ours = singly.ask({ ...OWNER, batches: true }, atom('get'), 40, undefined);
  calls[2]!.answer(90);
  await ours;
  t.equal(state.total, 41, 'of our own owner’s it is known anyway');
});

t.test('a key is called for once, and its answer spread before it is told', async (t) => {
  const { singly, calls, log, waiter } = start();
  const same = [waiter('k', 50), waiter('k', 80)];
  const other = waiter();
  const unsent = singly.increment(OWNER, [same[0]!, other, same[1]!]);
  await settle();
  t.strictSame(
    calls.map(({ timeoutMs }) => timeoutMs),
    [80, 100],
    'as long as the most patient one',
  );
  calls[0]!.answer(5);
  calls[1]!.answer(6);
  t.strictSame(await unsent, []);
  t.strictSame(await Promise.all([...same, other].map(({ answer }) => answer)), [5, 5, 6]);
  t.ok(log.indexOf('k: 5') >= 0 && log.lastIndexOf('flush') > log.indexOf('k: 5'));
  const again = waiter('k');
  await singly.increment(OWNER, [again]);
  t.equal(await again.answer, 5);
  t.equal(calls.length, 2, 'nobody is asked again');
});

t.test('only what never arrived may be sent to the next one', async (t) => {
  const { singly, calls, log, waiter } = start();
  const [lost, unknown, slow] = [waiter(), waiter(), waiter()];
  const failures = [
    t.rejects(unknown.answer, { code: 'noconnection' }),
    t.rejects(slow.answer, { code: 'timeout' }),
  ];
  const unsent = singly.increment(OWNER, [lost, unknown, slow]);
  await settle();
  calls[0]!.fail('noproc');
  calls[1]!.fail('noconnection');
  calls[2]!.fail('timeout');
  t.strictSame(await unsent, [lost]);
  await Promise.all(failures);
  t.strictSame(log, ['gone elixir@h', 'gone elixir@h']);
});

t.test('tells an owner that has ended from one that is slow', async (t) => {
  const gone = (['noproc', 'noconnection', 'exit'] as const).map((code) =>
    isGone(new CallError(code, code)),
  );
  t.strictSame(gone, [true, true, true]);
  t.notOk(isGone(new CallError('timeout', '')));
  t.notOk(isGone(new Error('noproc')));
});
