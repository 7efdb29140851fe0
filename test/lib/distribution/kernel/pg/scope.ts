import { type Test, test } from 'tap';
import type { GroupEvent } from '../../../../../lib/distribution/kernel/pg/group-monitors.ts';
import {
  encodeDiscover,
  encodeJoin,
  encodeLeave,
  encodeSync,
} from '../../../../../lib/distribution/kernel/pg/messages.ts';
import { type PgLimits, PgScope } from '../../../../../lib/distribution/kernel/pg/scope.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { inspectTerm } from '../../../../../lib/distribution/terms/inspect.ts';
import { MAX_TERM_DEPTH } from '../../../../../lib/distribution/terms/limits.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { type Term, tuple } from '../../../../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../../../../lib/telemetry/telemetry.ts';
import { NetworkNodes, type NetworkNodesOptions } from '../../../../support/network-nodes.ts';

const G = atom('g');
const [A, B, C] = ['a@h', 'b@h', 'c@h'];

function setUp(
  t: Test,
  options: NetworkNodesOptions & { readonly limits?: Partial<PgLimits> } = {},
) {
  const nodes = new NetworkNodes([A, B, C], options);
  const { network } = nodes;
  t.teardown(() => network.stop());
  const telemetry = new Telemetry();
  const ignored: string[] = [];
  const failures: unknown[] = [];
  telemetry.attach('ignored', 'distribution.message.ignored', (_event, _measured, metadata) =>
    ignored.push(inspectTerm(metadata.message as Term)),
  );
  telemetry.attach('failures', 'pg.listener.failure', (_event, _measured, { error }) =>
    failures.push(error),
  );
  const start = (name: string): PgScope =>
    PgScope.start({ node: nodes.node(name), scope: 'sc', telemetry, limits: options.limits ?? {} });
  const idle = (name: string) => network.table(name).spawnServer({ onMessage: () => {} });
  /** What was sent since the last time, as `a>b message`. */
  const sent = (): string[] =>
    network.sent.splice(0).map(({ from, to, signal }) => {
      const what = 'message' in signal ? inspectTerm(signal.message) : signal.type;
      return `${from[0]}>${to[0]} ${what}`;
    });
  return { nodes, network, start, idle, sent, ignored, failures, settle: () => network.settle() };
}

const keys = (pids: readonly Pid[]): string[] => pids.map(({ key }) => key).sort();

test('two scopes that meet say what OTP says, in its order', async (t) => {
  const { nodes, start, idle, sent, settle } = setUp(t);
  const b = start(B);
  const member = idle(B);
  b.join(atom('g1'), member.pid);
  nodes.network.connect(A, B);
  await settle();
  t.same(sent(), [`b>a ${inspectTerm(encodeDiscover(b.process.pid))}`], 'nobody there');
  const a = start(A);
  await settle();
  const [S, T] = [a.process.pid, b.process.pid];
  t.same(sent(), [
    `a>b ${inspectTerm(encodeDiscover(S))}`,
    'b>a monitor',
    `b>a ${inspectTerm(encodeSync(T, [[atom('g1'), [member.pid]]]))}`,
    `b>a ${inspectTerm(encodeDiscover(T))}`,
    'a>b monitor',
    `a>b ${inspectTerm(encodeSync(S, []))}`,
  ]);
  t.same(a.members(atom('g1')), [member.pid]);
  const other = idle(B);
  b.join(G, [other.pid, member.pid]);
  b.join(G, member.pid);
  b.leave(G, member.pid);
  await settle();
  t.same(sent(), [
    `b>a ${inspectTerm(encodeJoin(T, G, [other.pid, member.pid]))}`,
    `b>a ${inspectTerm(encodeJoin(T, G, [member.pid]))}`,
    `b>a ${inspectTerm(encodeLeave(T, [member.pid], [G]))}`,
  ]);
  t.same(keys(a.members(G)), keys([other.pid, member.pid]));
});

test('nodes that connect share their members, each with each', async (t) => {
  const { nodes, start, idle, settle, ignored } = setUp(t);
  const scopes = [A, B, C].map(start);
  const members = [A, B, C].map(idle);
  for (const [i, scope] of scopes.entries()) scope.join(G, members[i]!.pid);
  t.same(scopes[0]!.members(G), [members[0]!.pid]);
  nodes.connectAll();
  await settle();
  for (const [i, scope] of scopes.entries()) {
    t.same(keys(scope.members(G)), keys(members.map(({ pid }) => pid)));
    t.same(scope.localMembers(G), [members[i]!.pid]);
    t.same(scope.whichGroups(), [G]);
    t.same(scope.whichLocalGroups(), [G]);
  }
  nodes.network.disconnect(A, B);
  t.same(keys(scopes[0]!.members(G)), keys([members[0]!.pid, members[2]!.pid]), 'at once');
  t.same(keys(scopes[2]!.members(G)), keys(members.map(({ pid }) => pid)));
  nodes.network.connect(A, B);
  await settle();
  t.same(keys(scopes[0]!.members(G)), keys(members.map(({ pid }) => pid)));
  t.same(ignored, []);
});

test('joins count, on every node', async (t) => {
  const { nodes, start, idle, settle } = setUp(t);
  const [a, b] = [start(A), start(B)];
  nodes.connectAll();
  const { pid } = idle(A);
  a.join(G, pid);
  a.join(G, [pid, pid]);
  await settle();
  t.same(
    [a, b].map((scope) => scope.members(G).length),
    [3, 3],
  );
  t.ok(a.leave(G, pid));
  await settle();
  t.same(
    [a, b].map((scope) => scope.members(G).length),
    [2, 2],
  );
  t.ok(a.leave(G, [pid, pid, pid]), 'more than there are');
  await settle();
  t.same(
    [a, b].map((scope) => scope.whichGroups()),
    [[], []],
  );
  t.notOk(a.leave(G, pid), 'not joined');
  a.join(G, []);
  t.same(a.whichGroups(), []);
});

test('a member that ends leaves all its groups on all nodes', async (t) => {
  const { nodes, start, idle, sent, settle } = setUp(t);
  const [a, b] = [start(A), start(B)];
  nodes.connectAll();
  const [member, other] = [idle(A), idle(A)];
  a.join(G, [member.pid, member.pid]);
  a.join(atom('h'), [member.pid, other.pid]);
  await settle();
  sent();
  member.stop();
  t.same(keys(a.members(atom('h'))), [other.pid.key], 'here at once');
  await settle();
  const leave = encodeLeave(a.process.pid, [member.pid], [G, G, atom('h')]);
  t.same(sent(), [`a>b ${inspectTerm(leave)}`]);
  t.same(keys(b.members(atom('h'))), [other.pid.key]);
  t.same(b.whichGroups(), [atom('h')]);
  t.equal(nodes.network.table(A).sizes.monitors, 3, 'of the other member, and of each scope');
});

test('one that has ended already joins and leaves at once', async (t) => {
  const { start, idle } = setUp(t);
  const a = start(A);
  const member = idle(A);
  member.stop();
  const events: string[] = [];
  a.monitor(G, ({ type }) => events.push(type));
  a.join(G, member.pid);
  t.same(a.members(G), []);
  t.same(events, ['join', 'leave']);
});

test('who has left everything is not monitored any more', async (t) => {
  const { nodes, start, idle, settle, ignored } = setUp(t);
  const a = start(A);
  const member = idle(A);
  a.join(G, [member.pid, member.pid]);
  a.join(1, member.pid);
  a.leave(1, member.pid);
  a.leave(G, member.pid);
  t.equal(nodes.network.table(A).sizes.monitors, 1);
  a.leave(G, member.pid);
  t.equal(nodes.network.table(A).sizes.monitors, 0);
  member.stop();
  await settle();
  t.same(ignored, []);
});

test('one that a listener takes out again while it joins has left', async (t) => {
  const { nodes, start, idle, settle, sent } = setUp(t);
  const [a, b] = [start(A), start(B)];
  nodes.network.connect(A, B);
  await settle();
  const [member, other] = [idle(A), idle(A)];
  const stop = a.monitorScope(({ type, members }) => {
    if (type === 'join' && members.some((pid) => pid.equals(member.pid))) a.leave(G, member.pid);
  }).stop;
  const { monitors } = nodes.network.table(A).sizes;
  a.join(G, [member.pid, other.pid]);
  t.same(a.members(G), [other.pid]);
  t.equal(nodes.network.table(A).sizes.monitors, monitors + 1);
  stop();
  a.join(G, member.pid);
  await settle();
  sent();
  member.stop();
  await settle();
  t.match(sent()[0], /^a>b \{leave,<[^>]*>,<[^>]*>,\[g\]\}$/, 'it was in the group once');
  t.same(b.members(G), [other.pid]);
});

test('the members of a scope that ends are forgotten, and come back with the next', async (t) => {
  const { nodes, start, idle, settle, ignored } = setUp(t);
  const [a, b] = [start(A), start(B)];
  nodes.connectAll();
  const member = idle(A);
  a.join(G, member.pid);
  await settle();
  const events: string[] = [];
  b.monitorScope(({ type, members }) => events.push(`${type} ${members.length}`));
  a.stop();
  await settle();
  t.same([b.members(G), a.members(G), a.isRunning], [[], [], false]);
  t.equal(nodes.listeners(A), 0);
  t.throws(() => a.join(G, member.pid), { code: 'noproc' });
  t.throws(() => a.leave(G, member.pid), { code: 'noproc' });
  t.throws(() => a.monitor(G, () => {}), { code: 'noproc' });
  t.throws(() => a.monitorScope(() => {}), { code: 'noproc' });
  const next = start(A);
  next.join(G, member.pid);
  await settle();
  t.same(b.members(G), [member.pid]);
  t.same(events, ['leave 1', 'join 1']);
  t.throws(() => start(A), { code: 'name_taken' });
  t.equal(nodes.listeners(A), 1, 'a scope that did not start listens to nothing');
  t.same(ignored, []);
});

test('hidden nodes take no part', async (t) => {
  const { nodes, start, idle, sent, settle, ignored } = setUp(t, { hidden: [C] });
  const a = start(A);
  const c = start(C);
  nodes.network.connect(A, C);
  await settle();
  t.notOk(sent().some((message) => message.startsWith('a>c')));
  c.join(G, idle(C).pid);
  // A hidden node that would like to take part.
  c.process.send(a.process.pid, encodeDiscover(c.process.pid));
  await settle();
  t.same(a.members(G), []);
  t.ok(ignored.includes(inspectTerm(encodeDiscover(c.process.pid))));
  a.stop();
  start(A);
  t.notOk(
    sent().some((message) => message.startsWith('a>c')),
    'nor at a start',
  );
});

test('a sync replaces what was known, and only the difference is an event', async (t) => {
  const { nodes, start, idle, settle } = setUp(t);
  const a = start(A);
  nodes.connectAll();
  const b = idle(B);
  const [P, Q, R] = [idle(B).pid, idle(B).pid, idle(B).pid];
  const events: string[] = [];
  a.monitorScope(({ type, group, members }) =>
    events.push(`${type} ${inspectTerm(group)} ${keys(members).join()}`),
  );
  const sync = async (...groups: [Term, Pid[]][]): Promise<void> => {
    b.send(a.process.pid, encodeSync(b.pid, groups));
    await settle();
  };
  await sync([G, [P, P, Q]], [1, [R]]);
  t.same(events.splice(0), [`join g ${keys([P, P, Q])}`, `join 1 ${R.key}`]);
  await sync([G, [P, P, Q]], [1, [R]]);
  t.same(events.splice(0), []);
  await sync([G, [P, R]], [2, [Q]]);
  t.same(events.splice(0), [
    `leave g ${keys([P, Q])}`,
    `leave 1 ${R.key}`,
    `join g ${R.key}`,
    `join 2 ${Q.key}`,
  ]);
  t.same(keys(a.members(G)), keys([P, R]));
  await sync();
  t.same(a.whichGroups(), []);
});

test('monitors tell what is there, and then every change on every node', async (t) => {
  const { nodes, start, idle, settle, failures } = setUp(t);
  const [a, b] = [start(A), start(B)];
  nodes.connectAll();
  const [P, Q] = [idle(A).pid, idle(B).pid];
  a.join(G, P);
  await settle();
  const heard: GroupEvent[] = [];
  const group = b.monitor(G, (event) => heard.push(event));
  const all: GroupEvent[] = [];
  const scope = b.monitorScope((event) => all.push(event));
  b.monitor(G, () => {
    throw new Error('no');
  });
  t.same([group.now, scope.now], [[P], [[G, [P]]]]);
  b.join(G, Q);
  b.join(1, Q);
  a.leave(G, P);
  await settle();
  const ofGroup: GroupEvent[] = [
    { type: 'join', group: G, members: [Q] },
    { type: 'leave', group: G, members: [P] },
  ];
  t.same(heard, ofGroup);
  t.same(all, [ofGroup[0], { type: 'join', group: 1, members: [Q] }, ofGroup[1]]);
  group.stop();
  nodes.network.disconnect(A, B);
  b.leave(G, Q);
  t.equal(heard.length, 2);
  t.equal(failures.length, 3);
});

test('only processes of this node can join or leave', async (t) => {
  const { start, idle } = setUp(t);
  const a = start(A);
  const remote = idle(B).pid;
  const { pid } = idle(A);
  const stale = new Pid(A, pid.id, pid.serial, 99);
  for (const wrong of [remote, stale]) {
    t.throws(() => a.join(G, [pid, wrong]), { code: 'noproc' });
    t.throws(() => a.leave(G, wrong), { code: 'noproc' });
  }
  t.same(a.members(G), [], 'none of them');
});

test('a group whose name cannot be sent is refused before anything happens', async (t) => {
  const { start, idle } = setUp(t);
  const a = start(A);
  const { pid } = idle(A);
  for (const name of [Number.NaN, 'text', undefined, () => {}]) {
    t.throws(() => a.join(name as unknown as Term, pid), { code: 'unencodable' });
  }
  t.same(a.whichGroups(), []);
});

test('a group whose name is nested too deep for a message is refused as well', async (t) => {
  const { network, start, idle, settle } = setUp(t);
  const [a, b] = [start(A), start(B)];
  network.connect(A, B);
  await settle();
  const member = idle(A);
  let deep: Term = atom('x');
  for (let depth = 0; depth < MAX_TERM_DEPTH - 1; depth += 1) deep = [deep];
  t.throws(() => a.join(deep, member.pid), { code: 'limit_exceeded' });
  t.same(a.whichGroups(), []);
  a.join(G, member.pid);
  await settle();
  t.same(b.whichGroups(), [G]);
});

test('what is no message of the protocol is ignored and reported', async (t) => {
  const { nodes, start, idle, ignored, settle } = setUp(t);
  const a = start(A);
  nodes.network.connect(A, B);
  const [b, stranger] = [idle(B), idle(C)];
  const member = idle(B).pid;
  const messages: Term[] = [
    atom('hello'),
    tuple(atom('$gen_call'), tuple(b.pid, 1), tuple(atom('join_local'), G, member)),
    tuple(atom('DOWN'), b.makeRef(), atom('process'), member, atom('normal')),
    tuple(atom('DOWN'), 1, 2, 3, 4),
    // A scope that we have not met, and one whose node is not connected.
    encodeJoin(b.pid, G, [member]),
    encodeLeave(b.pid, [member], [G]),
    encodeDiscover(stranger.pid),
    encodeSync(stranger.pid, []),
  ];
  for (const message of messages) b.send(a.process.pid, message);
  await settle();
  t.same(
    ignored,
    messages.map((message) => inspectTerm(message)),
  );
  t.ok(a.isRunning);
  t.same(a.whichGroups(), []);
  t.notOk(nodes.network.isConnected(A, C), 'nor did it dial');
});

test('what other nodes can make it remember is bounded', async (t) => {
  const limits = { maxMembershipsPerScope: 4, maxScopesPerNode: 2 };
  const { nodes, start, idle, ignored, settle } = setUp(t, { limits });
  const a = start(A);
  nodes.network.connect(A, B);
  const [one, two, three] = [idle(B), idle(B), idle(B)];
  const member = idle(B).pid;
  for (const scope of [one, two, three]) scope.send(a.process.pid, encodeDiscover(scope.pid));
  await settle();
  t.same(ignored.splice(0), [inspectTerm(encodeDiscover(three.pid))]);
  one.send(a.process.pid, encodeJoin(one.pid, G, [member, member, member]));
  one.send(a.process.pid, encodeJoin(one.pid, G, [member, member]));
  one.send(a.process.pid, encodeSync(one.pid, [[G, [member, member, member, member, member]]]));
  two.send(a.process.pid, encodeJoin(two.pid, G, [member]));
  await settle();
  t.equal(ignored.length, 2);
  t.equal(a.members(G).length, 4);
  // One that has ended makes room.
  one.stop();
  three.send(a.process.pid, encodeDiscover(three.pid));
  await settle();
  t.equal(ignored.length, 2);
  t.equal(a.members(G).length, 1);
});

test('takes the discover of OTP 29, and never answers in its way', async (t) => {
  const { nodes, start, idle, sent, settle } = setUp(t);
  const a = start(A);
  a.join(G, idle(A).pid);
  nodes.network.connect(A, B);
  await settle();
  sent();
  const b = idle(B);
  b.send(a.process.pid, tuple(atom('discover'), b.pid, 1));
  await settle();
  const S = a.process.pid;
  t.same(
    sent().filter((message) => message.startsWith('a>')),
    [
      'a>b monitor',
      `a>b ${inspectTerm(encodeSync(S, [[G, a.localMembers(G)]]))}`,
      `a>b ${inspectTerm(encodeDiscover(S))}`,
    ],
  );
});
