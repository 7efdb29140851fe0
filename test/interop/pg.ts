/**
 * `pg` scopes of ours and of OTP in one mesh: whatever happens to a member, a scope or a node, every node
 * comes to see the same members, and no scope of OTP ever meets a message that ends it.
 */
import t, { type Test } from 'tap';
import { atom, PgScope, type Pid } from '../../lib/distribution/index.ts';
import { startCluster, type TestNode } from '../support/interop.ts';
import { erlangPeer, type Peer } from '../support/peers.ts';
import { until } from '../support/until.ts';

const SCOPE = 'sc';
const G = atom('g');

/** The members of a group as `node id.serial`, sorted; in a fun, whose variables are new each time. */
const MEMBERS_OF = (group: string): string => `
  (fun() -> lists:sort([begin [_, Id, Serial] = string:tokens(pid_to_list(P), "<.>"),
      list_to_atom(atom_to_list(node(P)) ++ " " ++ Id ++ "." ++ Serial) end
    || P <- pg:get_members(${SCOPE}, ${group})]) end)()`;

const shown = (pid: Pid): string => `${pid.node} ${pid.id}.${pid.serial}`;

async function membersOn(at: PgScope | Peer, group = 'g'): Promise<string[]> {
  if (at instanceof PgScope) return at.members(atom(group)).map(shown).sort();
  const text = await at.eval(MEMBERS_OF(group));
  return text
    .slice(1, -1)
    .split(',')
    .filter((part) => part !== '')
    .map((part) => part.slice(1, -1))
    .sort();
}

/** Waits until all see the same members, as many as are expected. @returns them */
async function agreed(
  all: readonly (PgScope | Peer)[],
  count: number,
  group = 'g',
): Promise<string[]> {
  let seen: string[][] = [];
  await until(
    async () => {
      seen = await Promise.all(all.map((each) => membersOn(each, group)));
      return seen.every(
        (members) => members.length === count && members.join() === seen[0]!.join(),
      );
    },
    { what: () => `${count} members of ${group} everywhere; seen: ${JSON.stringify(seen)}` },
  );
  return seen[0]!;
}

/** Starts the scope, which is linked to nobody, and remembers its pid as `S`. */
const startScope = (peer: Peer): Promise<string> =>
  peer.eval(`begin {ok, S} = pg:start(${SCOPE}), ok end`);

const SPAWN = 'spawn(fun() -> receive stop -> ok end end)';

function idle(node: TestNode): Pid {
  return node.local.processes.spawnServer({ onMessage: () => {} }).pid;
}

const startOurs = (node: TestNode): PgScope =>
  PgScope.start({ node: node.local, scope: SCOPE, telemetry: node.telemetry });

/** No scope of OTP has ended, and ours have understood all that they were sent. */
async function nobodyWasHurt(t: Test, erls: readonly Peer[], ours: readonly TestNode[]) {
  for (const erl of erls) t.equal(await erl.eval(`S =:= whereis(${SCOPE})`), 'true', erl.name);
  for (const node of ours) t.same(node.emitted('distribution.message.ignored'), [], node.name);
}

t.test('pg', { skip: erlangPeer.skip }, async (t) => {
  const cluster = await startCluster(t);
  const [a, b] = await Promise.all([cluster.node('a'), cluster.node('b')]);
  const [erl1, erl2] = await Promise.all([cluster.erl('erl1'), cluster.erl('erl2')]);
  // Before and after the nodes meet, so that both the start and the nodeup are heard of.
  await startScope(erl1);
  const scopeOfA = startOurs(a);
  await erl1.eval(`begin P1 = ${SPAWN}, pg:join(${SCOPE}, g, P1) end`);
  const ofA = idle(a);
  scopeOfA.join(G, ofA);
  // The mesh does the rest.
  await a.connect(erl1);
  await b.connect(erl1);
  await erl2.eval(`net_kernel:connect_node('${erl1.name}')`);
  await Promise.all([a.connected(erl2), b.connected(erl2), a.connected(b)]);
  let scopeOfB = startOurs(b);
  await startScope(erl2);
  const all = (): (PgScope | Peer)[] => [scopeOfA, scopeOfB, erl1, erl2];

  await t.test('members that were there before are shared', async (t) => {
    const members = await agreed(all(), 2);
    t.ok(members.includes(shown(ofA)));
    t.ok(members.some((member) => member.startsWith('erl1@')));
    t.same(scopeOfB.localMembers(G), []);
    t.equal(await erl2.eval(`pg:which_groups(${SCOPE})`), '[g]');
  });

  await t.test('joins and leaves are seen everywhere, each join counts', async () => {
    const ofB = idle(b);
    scopeOfB.join(G, [ofB, ofB]);
    await erl2.eval(`begin P2 = ${SPAWN}, pg:join(${SCOPE}, g, [P2, P2]) end`);
    await agreed(all(), 6);
    scopeOfB.leave(G, ofB);
    await erl2.eval(`pg:leave(${SCOPE}, g, P2)`);
    await agreed(all(), 4);
    scopeOfB.leave(G, ofB);
    await erl2.eval(`pg:leave(${SCOPE}, g, P2)`);
    await agreed(all(), 2);
  });

  await t.test('what is sent to a member arrives', async (t) => {
    const actor = a.actor();
    scopeOfA.join(atom('actors'), actor.pid);
    await agreed(all(), 1, 'actors');
    await erl2.eval(`[P ! hello || P <- pg:get_members(${SCOPE}, actors)]`);
    t.same(await actor.receive({ timeoutMs: 5_000 }), atom('hello'));
    actor.stop();
    await agreed(all(), 0, 'actors');
  });

  await t.test('members that end leave all their groups', async () => {
    const { pid } = a.actor();
    scopeOfA.join(atom('h'), [pid, pid]);
    scopeOfA.join(atom('i'), pid);
    await erl1.eval(
      `begin P3 = ${SPAWN}, pg:join(${SCOPE}, h, P3), pg:join(${SCOPE}, i, [P3, P3]) end`,
    );
    await agreed(all(), 3, 'h');
    await agreed(all(), 3, 'i');
    a.local.processes.get(pid)!.stop();
    await agreed(all(), 1, 'h');
    await agreed(all(), 2, 'i');
    await erl1.eval('P3 ! stop');
    await agreed(all(), 0, 'h');
    await agreed(all(), 0, 'i');
  });

  await t.test('groups of any name are the same on both sides', async (t) => {
    const names = [
      '1',
      '1.0',
      '{room, <<"lobby">>}',
      '"text"',
      '#{a => [1, b]}',
      "'Elixir.Phoenix'",
    ];
    for (const name of names) await erl1.eval(`pg:join(${SCOPE}, ${name}, P1)`);
    const groups = await erl1.eval(`lists:sort(pg:which_groups(${SCOPE}))`);
    await until(() => scopeOfB.whichGroups().length === names.length + 1, { what: 'the groups' });
    // Back by way of our names of them.
    for (const group of scopeOfB.whichGroups()) scopeOfB.join(group, idle(b));
    for (const name of names) {
      await until(
        async () => (await erl2.eval(`length(pg:get_members(${SCOPE}, ${name}))`)) === '2',
        {
          what: `two members of ${name}`,
        },
      );
    }
    t.equal(await erl2.eval(`lists:sort(pg:which_groups(${SCOPE}))`), groups);
    for (const group of scopeOfB.whichGroups()) {
      scopeOfB.leave(group, scopeOfB.localMembers(group));
    }
    for (const name of names) await erl1.eval(`pg:leave(${SCOPE}, ${name}, P1)`);
    await until(() => scopeOfA.whichGroups().length === 1, { what: 'one group left' });
  });

  await t.test('a scope of ours that starts again', async () => {
    scopeOfB.join(G, idle(b));
    await agreed(all(), 3);
    scopeOfB.stop();
    await agreed([scopeOfA, erl1, erl2], 2);
    scopeOfB = startOurs(b);
    await agreed(all(), 2);
    scopeOfB.join(G, idle(b));
    await agreed(all(), 3);
    scopeOfB.process.exit(scopeOfB.process.pid, atom('kill'));
    scopeOfB = startOurs(b);
    await agreed(all(), 2);
  });

  await t.test('a scope of OTP that starts again', async () => {
    await erl2.eval(`pg:join(${SCOPE}, g, P2)`);
    await agreed(all(), 3);
    await erl2.eval(`exit(whereis(${SCOPE}), kill)`);
    await agreed([scopeOfA, scopeOfB, erl1], 2);
    await erl2.eval(`begin {ok, S2} = pg:start(${SCOPE}), ok end`);
    await agreed(all(), 2);
    await erl2.eval(`pg:join(${SCOPE}, g, P2)`);
    await agreed(all(), 3);
  });

  await t.test('a monitor hears of changes on every node', async (t) => {
    const heard: string[] = [];
    const monitor = scopeOfA.monitor(G, ({ type, members }) =>
      heard.push(...members.map((pid) => `${type} ${pid.node}`)),
    );
    t.equal(monitor.now.length, 3);
    await erl1.eval(`pg:join(${SCOPE}, g, P1)`);
    await until(() => heard.length === 1, { what: 'the join' });
    await erl1.eval(`pg:leave(${SCOPE}, g, P1)`);
    await until(() => heard.length === 2, { what: 'the leave' });
    t.same(heard, [`join ${erl1.name}`, `leave ${erl1.name}`]);
    monitor.stop();
  });

  await t.test('nodes that go away take their members along', async (t) => {
    await nobodyWasHurt(t, [erl1], [a, b]);
    await erl2.kill();
    await agreed([scopeOfA, scopeOfB, erl1], 2);
    scopeOfB.join(G, idle(b));
    await agreed([scopeOfA, scopeOfB, erl1], 3);
    await b.stop();
    await agreed([scopeOfA, erl1], 2);
    t.same(scopeOfB.members(G), []);
    await nobodyWasHurt(t, [erl1], [a]);
  });

  await t.test('a connection that is lost and comes back', async (t) => {
    t.equal(await erl1.eval(`erlang:disconnect_node('${a.name}')`), 'true');
    await until(() => scopeOfA.members(G).length === 1, { what: 'our own member' });
    await a.connect(erl1);
    await agreed([scopeOfA, erl1], 2);
    await nobodyWasHurt(t, [erl1], [a]);
  });

  await t.test('a hidden node takes no part', async (t) => {
    const hidden = await cluster.erl('hidden', { args: ['-hidden'] });
    await startScope(hidden);
    await hidden.eval(`pg:join(${SCOPE}, g, self())`);
    await a.connect(hidden);
    // The scopes answer in order: whatever was sent on nodeup has been dealt with.
    await hidden.eval(`pg:which_groups(${SCOPE}), sys:get_state(${SCOPE}), ok`);
    await a.node.kernel.rpc(hidden.name, 'sys', 'get_state', [atom(SCOPE)]);
    t.equal(await hidden.eval(`length(pg:get_members(${SCOPE}, g))`), '1');
    t.same((await membersOn(scopeOfA)).length, 2);
  });
});
