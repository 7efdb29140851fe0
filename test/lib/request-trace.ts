import t, { type Test } from 'tap';
import { atom, Pid, ProcessTable, type Term, tuple } from '../../lib/distribution/index.ts';
import { ARRIVED, RequestTrace, TRACE_NAME } from '../../lib/request-trace.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';

const NAME = atom('counter');
const HERE = 'here@h';
const OWNER = new Pid('owner@h', 1, 0, 1);
const NEXT = new Pid('next@h', 1, 0, 1);

type NameListener = Parameters<
  ConstructorParameters<typeof RequestTrace>[0]['node']['global']['onNameEvent']
>[0];

/** A trace whose network and names are the test. */
async function setUp(t: Test, options: { readonly listens?: boolean } = {}) {
  const telemetry = new Telemetry();
  const arrived: unknown[] = [];
  if (options.listens !== false) {
    telemetry.attach('test', ARRIVED, (_event, _measured, metadata) => arrived.push(metadata));
  }
  const processes = new ProcessTable({
    node: HERE,
    creation: 1,
    remote: { deliver: () => undefined },
  });
  t.teardown(() => processes.stop());
  const sent: { readonly to: unknown; readonly message: Term }[] = [];
  const listeners = new Set<NameListener>();
  const names: { owner: Pid | undefined } = { owner: OWNER };
  const trace = new RequestTrace({
    telemetry,
    name: NAME,
    node: {
      local: { name: HERE, processes },
      client: { cast: (to, message) => sent.push({ to, message }) },
      global: {
        whereisName: () => names.owner,
        onNameEvent: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    },
  });
  const child = await trace.start();
  const register = (pid: Pid, name = NAME) => {
    names.owner = pid;
    for (const listener of listeners) listener({ type: 'registered', name, pid });
  };
  return { trace, child, telemetry, processes, sent, arrived, listeners, names, register };
}

const nextTurn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

const announcement = (operation: string, ...ids: string[]) =>
  tuple(
    ...([atom('requests'), atom(HERE), atom(operation)] as const),
    ids.map((id) => Buffer.from(id)),
  );

t.test('what is asked in one turn is announced to the owner’s node at once', async (t) => {
  const { trace, sent } = await setUp(t);
  const work = Promise.resolve(7);
  t.equal(trace.follow('get', 'a', work), work);
  trace.follow('get', 'b', Promise.resolve());
  trace.follow('increment', 'c', Promise.resolve());
  t.strictSame(sent, [], 'the call goes first');
  await nextTurn();
  t.strictSame(sent, [
    { to: { name: TRACE_NAME, node: 'owner@h' }, message: announcement('get', 'a', 'b') },
    { to: { name: TRACE_NAME, node: 'owner@h' }, message: announcement('increment', 'c') },
  ]);
  await nextTurn();
  t.equal(sent.length, 2, 'once');
});

t.test('a line of the other log names a hundred requests at most', async (t) => {
  const { trace, sent } = await setUp(t);
  for (let at = 0; at < 250; at += 1) trace.follow('get', `id${at}`, Promise.resolve());
  await nextTurn();
  const counts = sent.map(
    ({ message }) => (message as ReturnType<typeof announcement>).elements[3],
  );
  t.strictSame(
    counts.map((ids) => (ids as readonly Term[]).length),
    [100, 100, 50],
  );
});

t.test('nothing is announced to our own node, to nobody, or without an id', async (t) => {
  const { trace, sent, names } = await setUp(t);
  trace.follow('get', undefined, Promise.resolve());
  names.owner = new Pid(HERE, 1, 0, 1);
  trace.follow('get', 'a', Promise.resolve());
  names.owner = undefined;
  trace.follow('get', 'b', Promise.resolve());
  await nextTurn();
  t.strictSame(sent, []);
});

t.test('where no log would tell, nothing is followed', async (t) => {
  const { trace, sent, register } = await setUp(t, { listens: false });
  trace.follow('get', 'a', new Promise(() => undefined));
  register(NEXT);
  await nextTurn();
  t.strictSame(sent, []);
});

t.test(
  'an unanswered request is announced to the next owner too, an answered one is not',
  async (t) => {
    const { trace, sent, register } = await setUp(t);
    let answer: () => void = () => undefined;
    const work = new Promise<void>((resolve) => {
      answer = resolve;
    });
    trace.follow('increment', 'a', work);
    const failed = trace.follow('increment', 'b', Promise.reject(new Error('no')));
    await t.rejects(failed, { message: 'no' });
    await nextTurn();
    sent.splice(0);
    register(new Pid('x@h', 1, 0, 1), atom('another name'));
    register(NEXT);
    await nextTurn();
    t.strictSame(sent, [
      { to: { name: TRACE_NAME, node: 'next@h' }, message: announcement('increment', 'a') },
    ]);
    answer();
    await work;
    register(OWNER);
    await nextTurn();
    t.equal(sent.length, 1);
  },
);

t.test('what arrives becomes an event, and anything else nothing', async (t) => {
  const { processes, arrived, child } = await setUp(t);
  const cast = (message: Term) => {
    const pid = processes.whereis(TRACE_NAME);
    if (pid === undefined) throw new Error('expected the process of the trace');
    processes.send(processes.nobody, pid, tuple(atom('$gen_cast'), message));
  };
  const ids = (count: number, length = 1) =>
    Array.from({ length: count }, () => Buffer.alloc(length, 'x'));
  for (const nonsense of [
    atom('requests'),
    tuple(atom('requests'), atom('a@h'), atom('get')),
    tuple(atom('others'), atom('a@h'), atom('get'), []),
    tuple(atom('requests'), 1, atom('get'), []),
    tuple(atom('requests'), atom('a@h'), 2, []),
    tuple(atom('requests'), atom('a@h'), atom('get'), 3),
    tuple(atom('requests'), atom('a@h'), atom('get'), [4]),
    tuple(atom('requests'), atom('a@h'), atom('get'), ids(101)),
    tuple(atom('requests'), atom('a@h'), atom('get'), ids(1, 201)),
  ]) {
    cast(nonsense);
  }
  cast(tuple(atom('requests'), atom('a@h'), atom('get'), [Buffer.from('one'), Buffer.from('two')]));
  await nextTurn();
  t.strictSame(arrived, [
    { node: HERE, peer: 'a@h', operation: 'get', requestIds: ['one', 'two'] },
  ]);
  child.shutdown();
  t.strictSame(await child.exited, { type: 'shutdown' });
});

t.test('after its end nothing is followed, and nothing is left', async (t) => {
  const { trace, child, sent, listeners } = await setUp(t);
  trace.follow('get', 'a', new Promise(() => undefined));
  child.kill();
  await child.exited;
  await nextTurn();
  trace.follow('get', 'b', Promise.resolve());
  await nextTurn();
  t.strictSame(sent, []);
  t.equal(listeners.size, 0);
});
