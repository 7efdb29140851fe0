import t from 'tap';
import { OwnerLookup } from '../../../lib/counter/owner-lookup.ts';
import { atom, Pid, type Term } from '../../../lib/distribution/index.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const NAME = atom('counter');
const [A, B, C] = ['a@h', 'b@h', 'c@h'].map((node) => new Pid(node, 1, 0, 1)) as [Pid, Pid, Pid];

function start() {
  const clock = new FakeClock();
  type Listener = (event: {
    type: 'registered' | 'unregistered' | 'conflict';
    name: Term;
    pid: Pid;
  }) => void;
  const listeners = new Set<Listener>();
  const registrations: Pid[] = [];
  const understood = new Map<string, boolean | undefined>();
  const judging = new Map<string, Promise<boolean>>();
  let owner: Pid | undefined;
  const lookup = new OwnerLookup({
    counterName: NAME,
    global: {
      whereisName: () => owner,
      onNameEvent: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    understandsBatches: async ({ node }) =>
      judging.get(node) ?? (understood.has(node) ? understood.get(node) : true),
    isReachable: (node) => node !== 'b@h',
    clock,
    onRegistered: (pid) => registrations.push(pid),
  });
  const tell = (pid: Pid | undefined, name: Term = NAME): void => {
    const type = pid === undefined ? 'unregistered' : 'registered';
    const event = { type, name, pid: pid ?? owner ?? A } as const;
    if (name === NAME) owner = pid;
    for (const listener of [...listeners]) listener(event);
  };
  return { lookup, clock, tell, registrations, understood, judging, listeners };
}

t.test('waits for an owner, and no longer than the time', async (t) => {
  const { lookup, clock, tell } = start();
  lookup.open();
  const found = lookup.find();
  tell(A, atom('another'));
  tell(A);
  t.match(await found, { pid: A, batches: true });
  tell(undefined);
  const late = lookup.find(10);
  await clock.advance(10);
  t.equal(await late, undefined);
  t.equal(clock.pending, 0);
});

t.test(
  'one that has ended is not found again, one that cannot be judged yet not yet',
  async (t) => {
    const { lookup, tell, understood } = start();
    lookup.open();
    tell(A);
    lookup.gone(A);
    const next = lookup.find();
    await settle();
    understood.set('b@h', undefined);
    tell(B);
    await settle();
    understood.set('b@h', false);
    lookup.wake();
    t.match(await next, { pid: B, batches: false });
  },
);

t.test(
  'an owner whose node says nothing of itself is waited for no longer than the time',
  async (t) => {
    const { lookup, clock, tell, judging } = start();
    let answer: (batches: boolean) => void = () => undefined;
    judging.set(
      'a@h',
      new Promise((resolve) => {
        answer = resolve;
      }),
    );
    lookup.open();
    tell(A);
    const late = lookup.find(10);
    const aborted = t.rejects(lookup.find(100, AbortSignal.abort(new Error('gone'))), {
      message: 'gone',
    });
    await clock.advance(10);
    t.equal(await late, undefined);
    await aborted;
    const other = lookup.find(100);
    await settle();
    tell(B);
    t.match(
      await other,
      { pid: B, batches: true },
      'and no longer than until there is another one',
    );
    tell(A);
    const patient = lookup.find(100);
    await settle();
    answer(false);
    t.match(await patient, { pid: A, batches: false });
    t.equal(clock.pending, 0);
  },
);

t.test('who looks before the name is known waits no longer than until it is', async (t) => {
  const { lookup, clock, tell } = start();
  tell(A);
  const early = lookup.find(10);
  await settle();
  lookup.open();
  await settle();
  await clock.advance(10);
  t.match(await early, { pid: A, batches: true });
  t.equal(clock.pending, 0);
});

t.test('a failure to ask is that of all who look', async (t) => {
  const { lookup, tell, judging } = start();
  judging.set('a@h', Promise.reject(new Error('broken')));
  lookup.open();
  tell(A);
  await Promise.all([
    t.rejects(lookup.find(100), { message: 'broken' }),
    t.rejects(lookup.find(), { message: 'broken' }),
  ]);
});

t.test('closed, it finds nobody, and lets go of all who wait', async (t) => {
  const { lookup, clock, tell, listeners } = start();
  const early = lookup.find();
  t.equal(await early, undefined, 'before it looks');
  lookup.open();
  lookup.open();
  t.ok(lookup.isOpen);
  t.equal(listeners.size, 1);
  const waiting = lookup.find();
  const gone = new AbortController();
  const aborted = t.rejects(lookup.find(100, gone.signal), { message: 'gone' });
  await settle();
  gone.abort(new Error('gone'));
  await aborted;
  lookup.close();
  t.equal(await waiting, undefined);
  tell(A);
  t.equal(listeners.size, 0);
  t.equal(clock.pending, 0);
});

t.test(
  'remembers former owners whose nodes can be asked, until another knows of them',
  async (t) => {
    const { lookup, tell, registrations } = start();
    tell(A);
    lookup.open();
    for (const pid of [B, C, A, C]) tell(pid);
    t.strictSame(registrations, [B, C, A, C]);
    t.strictSame(lookup.formerOwners(C), [A]);
    t.strictSame(lookup.formerOwners(B), [A], 'the last one is no former one');
    lookup.reconciled([A]);
    t.strictSame(lookup.formerOwners(C), []);
    for (let id = 1; id <= 40; id += 1) tell(new Pid('a@h', id, 0, 1));
    t.equal(lookup.formerOwners(C).length, 16, 'not without end');
  },
);
