import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  atom,
  type CallResult,
  type CastResult,
  type GenServer,
  isAtom,
  isTuple,
  Pid,
  type Process,
  type Term,
  tuple,
} from '../../../lib/distribution/index.ts';
import { Singleton, type SingletonRole } from '../../../lib/singleton/singleton.ts';
import { type ClusterMember, TestCluster } from '../../support/cluster.ts';
import { until } from '../../support/peers.ts';

const NAME = atom('notes');

/** A set of numbers that only grows. */
class Notes implements SingletonRole {
  readonly known = new Set<number>();
  singleton: Singleton | undefined;
  failing = false;
  suspend: () => Promise<void> = async () => undefined;

  createServer(): GenServer {
    return {
      handleCall: async (request): Promise<CallResult> => {
        if (this.failing) throw new Error('a fault of the server');
        if (!isTuple(request, 2, 'add')) return { reply: this.exportState() };
        const number = Number(request.elements[1]);
        await this.singleton?.replicate([number]);
        this.known.add(number);
        return { reply: this.known.size };
      },
    };
  }

  exportState(): Term {
    return [...this.known];
  }

  mergeState(state: Term): boolean {
    if (!Array.isArray(state)) return false;
    for (const number of state as readonly Term[]) this.known.add(Number(number));
    return true;
  }
}

interface Running {
  readonly node: ClusterMember;
  readonly notes: Notes;
  readonly singleton: Singleton;
  readonly events: { event: string; metadata: object }[];
}

async function start(node: ClusterMember): Promise<Running> {
  const notes = new Notes();
  const events: { event: string; metadata: object }[] = [];
  node.telemetry.attach('notes', 'notes.owner.*', (event, _, metadata) => {
    events.push({ event: event.slice('notes.owner.'.length), metadata });
  });
  const singleton = await Singleton.start({
    node,
    name: NAME,
    memberName: 'notes_member',
    role: notes,
    telemetry: node.telemetry,
    event: 'notes.owner',
  });
  notes.singleton = singleton;
  return { node, notes, singleton, events };
}

async function cluster(t: Test, ...names: readonly string[]) {
  const nodes = await TestCluster.start(names);
  t.teardown(() => nodes.stop());
  const running: Running[] = await Promise.all(nodes.nodes.map(start));
  return { nodes, running };
}

const add = (from: ClusterMember, number: number): Promise<Term> =>
  from.client.call({ global: NAME }, tuple(atom('add'), number));

const owners = (running: readonly Running[]): Running[] =>
  running.filter(({ singleton }) => singleton.isOwner);

const oneOwner = (running: readonly Running[]) =>
  until(
    () => {
      const [owner, ...more] = owners(running);
      if (owner === undefined || more.length > 0) return false;
      return running.every(({ node }) => node.global.whereisName(NAME)?.node === owner.node.name);
    },
    { intervalMs: 2, what: 'one owner' },
  );

t.test('the node with the smallest name owns it, all others know', async (t) => {
  const { running } = await cluster(t, 'b', 'a', 'c');
  await oneOwner(running);
  t.strictSame(
    owners(running).map(({ node }) => node.name),
    ['a@127.0.0.1'],
  );
  t.equal(await add(running[2]!.node, 7), 1);
  t.same(running[1]!.singleton.members(), ['b@127.0.0.1', 'c@127.0.0.1']);
  await t.rejects(start(running[0]!.node), { name: 'Error' }, 'one member a node');
});

t.test('a node that dies is followed by another, which knows what two nodes knew', async (t) => {
  const { nodes, running } = await cluster(t, 'a', 'b', 'c');
  await oneOwner(running);
  for (let number = 0; number < 20; number += 1) await add(running[number % 3]!.node, number);
  const startedAt = performance.now();
  void nodes.kill(running[0]!.node);
  const rest = running.slice(1);
  await oneOwner(rest);
  t.comment(`taken over within ${Math.round(performance.now() - startedAt)} ms`);
  t.equal(await add(rest[1]!.node, 20), 21);
  t.strictSame(
    owners(rest)[0]?.events.map(({ event }) => event),
    ['taken_over'],
  );
  // The next death, as soon as the rest know each other's states.
  await until(() => rest.every(({ notes }) => notes.known.size === 21));
  const [owner] = owners(rest);
  void nodes.kill(owner!.node);
  const last = rest.filter((one) => one !== owner);
  await oneOwner(last);
  t.equal(await add(last[0]!.node, 21), 22);
});

t.test('stopping hands over; what still arrives is forwarded', async (t) => {
  const { running } = await cluster(t, 'a', 'b', 'c');
  await oneOwner(running);
  const [first, second] = running as [Running, Running];
  await add(first.node, 1);
  const pid = first.node.global.whereisName(NAME)!;
  const stopping = first.singleton.stop();
  const late = await Promise.all(
    [2, 3, 4].map((number) => second.node.client.call(pid, tuple(atom('add'), number))),
  );
  t.strictSame(late, [2, 3, 4], 'the callers notice nothing');
  await stopping;
  t.equal(await second.node.client.call(pid, tuple(atom('add'), 5)), 5, 'even later');
  t.equal(second.node.global.whereisName(NAME)?.node, 'b@127.0.0.1');
  t.ok(second.singleton.isOwner);
  t.same(
    first.events.map(({ event }) => event),
    ['taken_over', 'handed_over'],
  );
  t.strictSame(await first.singleton.exited, { type: 'shutdown' });
});

t.test('one that leaves leaves its state with two others', async (t) => {
  const { running } = await cluster(t, 'a', 'b', 'c');
  await oneOwner(running);
  running[2]!.notes.known.add(99);
  await running[2]!.singleton.stop();
  t.ok(running[0]!.notes.known.has(99));
  t.ok(running[1]!.notes.known.has(99));
});

t.test(
  'what a leaving node keeps for the owner is kept by another before it is gone',
  async (t) => {
    const { running } = await cluster(t, 'a', 'b', 'c');
    await oneOwner(running);
    const [a, b, c] = running as [Running, Running, Running];
    // On its way when `b`, the backup, begins to leave: counted by the owner only after it has heard of that.
    let finish: () => void = () => undefined;
    a.notes.suspend = () =>
      new Promise((resolve) => {
        finish = () => {
          a.notes.known.add(50);
          resolve();
        };
      });
    const leaving = b.singleton.stop();
    await delay(30);
    finish();
    await leaving;
    t.ok(c.notes.known.has(50));
  },
);

t.test('the last one has nobody to hand over to, and stops all the same', async (t) => {
  const { running } = await cluster(t, 'a');
  const { node, singleton } = running[0]!;
  const call = add(node, 1);
  await Promise.all([call, singleton.stop()]);
  t.equal(node.global.whereisName(NAME), undefined);
});

t.test('after a split there is one owner, which knows what either side knew', async (t) => {
  const { nodes, running } = await cluster(t, 'a', 'b', 'c', 'd');
  await oneOwner(running);
  const [a, b, c, d] = running as [Running, Running, Running, Running];
  const [left, right] = [
    [a, c],
    [b, d],
  ];
  const groups = [left, right].map((side) => side.map(({ node }) => node));
  nodes.cut(...groups);
  await Promise.all([oneOwner(left), oneOwner(right)]);
  await add(c.node, 1);
  await add(d.node, 2);
  t.notOk(a.notes.known.has(2));
  await nodes.heal(...groups);
  await oneOwner(running);
  await until(() => a.notes.known.has(2), { intervalMs: 2 });
  t.ok(a.singleton.isOwner, 'the smaller node keeps it, as `global` has it');
  t.strictSame(await add(d.node, 3), 3);
  // What `b` knew `a` may have from its greeting, before `b` has come to giving it.
  await until(() => b.events.length >= 3, { intervalMs: 2 });
  t.strictSame(
    b.events.map(({ event }) => event),
    ['taken_over', 'ended', 'lost'],
  );
});

/** The member of `to` starts to serve beside the owner that there is; what it is told is its alone. */
async function secondOwner(from: ClusterMember, to: Running, numbers: readonly number[]) {
  const member = { name: 'notes_member', node: to.node.name };
  const answer = await from.client.call(member, tuple(atom('take_over'), numbers));
  if (!isTuple(answer, 2, 'ok')) throw new Error('expected a second owner');
  const [, pid] = answer.elements;
  if (!(pid instanceof Pid)) throw new Error('expected its pid');
  return pid;
}

for (const named of ['first', 'second'] as const) {
  t.test(
    `of two owners the one on the smaller node stays; the ${named} has the name`,
    async (t) => {
      const { nodes, running } = await cluster(t, 'a', 'b', 'c');
      await oneOwner(running);
      const [a, b, c] = running as [Running, Running, Running];
      const stranger = await nodes.join('d');
      await add(c.node, 1);
      const startedAt = performance.now();
      const pid = await secondOwner(stranger, b, [2, 3]);
      t.same(b.events.map(({ event }) => event)[0], 'taken_over', 'two of them, for a moment');
      if (named === 'second') await c.node.global.reRegisterName(NAME, pid);
      await until(() => b.events.length >= 3, { intervalMs: 2 });
      await oneOwner(running);
      t.comment(`one owner within ${Math.round(performance.now() - startedAt)} ms`);
      t.ok(performance.now() - startedAt < 2_000);
      t.ok(a.singleton.isOwner);
      t.equal(await add(c.node, 4), 4, 'it knows what either knew');
      t.strictSame(
        b.events.map(({ event }) => event),
        ['taken_over', 'ended', 'lost'],
      );
      t.strictSame(
        a.events.map(({ event }) => event),
        ['taken_over'],
        'it noticed nothing',
      );
    },
  );
}

/** A node that waits for its turn to change names, as when many others come and go. */
function slowToChangeNames(node: ClusterMember, method: 'passName' | 'registerName') {
  let itsTurn = (): void => undefined;
  const turn = new Promise<void>((resolve) => {
    itsTurn = resolve;
  });
  let waiting = false;
  const global = new Proxy(node.global, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== method) return value.bind(target);
      return async (...args: unknown[]) => {
        waiting = true;
        await turn;
        return value.apply(target, args);
      };
    },
  });
  return { slow: { ...node, global }, isWaiting: () => waiting, itsTurn };
}

t.test('one that leaves while it tries to get the name is gone at once', async (t) => {
  const nodes = await TestCluster.start(['a', 'b', 'c']);
  t.teardown(() => nodes.stop());
  const [a, b, c] = nodes.nodes as [ClusterMember, ClusterMember, ClusterMember];
  await start(a);
  const { slow, isWaiting, itsTurn } = slowToChangeNames(b, 'registerName');
  const leaving = await start(slow);
  const staying = await start(c);
  await nodes.kill(a);
  await until(isWaiting, { intervalMs: 2 });
  await leaving.singleton.stop();
  const startedAt = performance.now();
  await nodes.leave(b);
  t.ok(performance.now() - startedAt < 1_000, 'nothing waits in it for what does not come');
  itsTurn();
  await oneOwner([staying]);
  t.equal(await add(c, 1), 1);
});

t.test('a name that is given on late does not go back to one that gave it on', async (t) => {
  const nodes = await TestCluster.start(['a', 'b', 'c']);
  t.teardown(() => nodes.stop());
  const [a, b, c] = nodes.nodes as [ClusterMember, ClusterMember, ClusterMember];
  const { slow, itsTurn } = slowToChangeNames(a, 'passName');
  const first = await start(slow);
  const [second, third] = [await start(b), await start(c)];
  t.equal(await add(c, 1), 1);
  const stopped = first.singleton.stop();
  await until(() => second.singleton.isOwner, { intervalMs: 2 });
  await second.singleton.stop();
  await until(() => c.global.whereisName(NAME)?.node === c.name, { intervalMs: 2 });
  itsTurn();
  await stopped;
  await delay(50);
  t.strictSame(
    [a, b, c].map(({ global }) => global.whereisName(NAME)?.node),
    [c.name, c.name, c.name],
  );
  t.strictSame(
    third.events.map(({ event }) => event),
    ['taken_over'],
    'the one that has it was not disturbed',
  );
  t.equal(await add(b, 2), 2);
});

t.test(
  'a name that comes late to one that has handed over does not end its successor',
  async (t) => {
    const nodes = await TestCluster.start(['a', 'b', 'c']);
    t.teardown(() => nodes.stop());
    const [a, b, c] = nodes.nodes as [ClusterMember, ClusterMember, ClusterMember];
    const turns = [slowToChangeNames(a, 'passName'), slowToChangeNames(b, 'passName')] as const;
    const first = await start(turns[0].slow);
    const second = await start(turns[1].slow);
    const third = await start(c);
    const firstStopped = first.singleton.stop();
    await until(() => second.singleton.isOwner, { intervalMs: 2 });
    const secondStopped = second.singleton.stop();
    await until(() => third.singleton.isOwner, { intervalMs: 2 });
    turns[0].itsTurn();
    await firstStopped;
    await until(() => c.global.whereisName(NAME)?.node === b.name, { intervalMs: 2 });
    await delay(20);
    turns[1].itsTurn();
    await secondStopped;
    await until(() => a.global.whereisName(NAME)?.node === c.name, { intervalMs: 2 });
    t.strictSame(
      third.events.map(({ event }) => event),
      ['taken_over'],
    );
    t.equal(await add(a, 1), 1);
  },
);

t.test('the first owner yields when the second is on the smaller node', async (t) => {
  const { nodes, running } = await cluster(t, 'b', 'c');
  await oneOwner(running);
  const a = await start(await nodes.join('a'));
  const stranger = await nodes.join('d');
  await add(running[1]!.node, 1);
  await secondOwner(stranger, a, [2]);
  await oneOwner([a, ...running]);
  t.ok(a.singleton.isOwner);
  t.equal(await add(running[1]!.node, 3), 3);
});

t.test('word of an owner that there is not, or not any more, does no harm', async (t) => {
  const { running } = await cluster(t, 'a', 'b', 'c');
  await oneOwner(running);
  const [a, b, c] = running as [Running, Running, Running];
  const owner = a.node.global.whereisName(NAME)!;
  const gone = (of: Running) => new Pid(of.node.name, 9_999, 0, owner.creation);
  const tell = (from: Running, to: Running, request: Term) =>
    from.node.client.call({ name: 'notes_member', node: to.node.name }, request);
  await tell(b, a, tuple(atom('merge'), [1], gone(b)));
  await tell(c, a, tuple(atom('owner'), gone(c)));
  // The owner is handed on to `b`; what `a` and `c` are said to have been is over by then.
  await a.singleton.stop();
  await oneOwner([b, c]);
  await tell(a, b, tuple(atom('merge'), [2], owner));
  await tell(a, b, tuple(atom('owner'), owner));
  await delay(50);
  t.ok(b.singleton.isOwner);
  t.equal(await add(c.node, 3), 3);
  t.strictSame(
    b.events.map(({ event }) => event),
    ['taken_over'],
  );
});

t.test('a server that fails ends the singleton there, and is started elsewhere', async (t) => {
  const { running } = await cluster(t, 'a', 'b');
  await oneOwner(running);
  const [a, b] = running as [Running, Running];
  a.notes.failing = true;
  await t.rejects(add(b.node, 1), { code: 'exit' });
  t.match(await a.singleton.exited, { type: 'error', error: { message: 'a fault of the server' } });
  await oneOwner([b]);
  t.equal(await add(a.node, 1), 1);
});

t.test('a member that joins gets the state, a state that is none is refused', async (t) => {
  const { nodes, running } = await cluster(t, 'a', 'b');
  await oneOwner(running);
  await add(running[1]!.node, 5);
  const c = await start(await nodes.join('c'));
  await until(() => c.notes.known.has(5), { intervalMs: 2 });
  const a = { name: 'notes_member', node: 'a@127.0.0.1' };
  for (const wrong of [
    tuple(atom('merge'), atom('x'), atom('none')),
    atom('hello'),
    tuple(atom('x'), 1),
  ]) {
    t.same(await c.node.client.call(a, wrong), tuple(atom('error'), atom('bad_state')));
  }
  t.equal(running[0]!.events.at(-1)?.event, 'state_refused');
});

t.test('a node that has no member is a stranger', async (t) => {
  const { nodes, running } = await cluster(t, 'b', 'c');
  const stranger = await nodes.join('a');
  await oneOwner(running);
  t.notOk(await running[0]!.singleton.hasMember(stranger.name));
  t.ok(await running[0]!.singleton.hasMember('c@127.0.0.1'));
  t.notOk(await running[0]!.singleton.hasMember('nowhere@127.0.0.1'));
});

/** The other example: a job that runs every so often, on one node. */
class PeriodicJob implements SingletonRole {
  readonly #run: () => void;
  readonly #periodMs: number;

  constructor(periodMs: number, run: () => void) {
    this.#periodMs = periodMs;
    this.#run = run;
  }

  createServer(): GenServer {
    const next = (self: Process): void => {
      self.sendAfter(this.#periodMs, atom('run'));
    };
    return {
      init: next,
      handleInfo: (message, self): CastResult => {
        if (!isAtom(message, 'run')) return;
        this.#run();
        next(self);
      },
    };
  }

  exportState(): Term {
    return atom('none');
  }

  mergeState(): boolean {
    return true;
  }
}

t.test('a periodic job runs on one node only, whichever there are', async (t) => {
  const nodes = await TestCluster.start(['a', 'b', 'c']);
  t.teardown(() => nodes.stop());
  const runs: string[] = [];
  const jobs = await Promise.all(
    nodes.nodes.map((node) =>
      Singleton.start({
        node,
        name: atom('sweep'),
        memberName: 'sweep_member',
        event: 'sweep.owner',
        role: new PeriodicJob(5, () => runs.push(node.name)),
      }),
    ),
  );
  const runsOn = async (name: string) => {
    await until(() => runs.at(-1) === name, { intervalMs: 1, what: `a run on ${name}` });
    runs.length = 0;
    await delay(40);
    t.ok(runs.length >= 2, 'it goes on');
    t.strictSame([...new Set(runs)], [name], 'nowhere else');
  };
  await runsOn('a@127.0.0.1');
  await jobs[0]!.stop();
  await runsOn('b@127.0.0.1');
  await nodes.kill(nodes.nodes[1]!);
  await runsOn('c@127.0.0.1');
});
