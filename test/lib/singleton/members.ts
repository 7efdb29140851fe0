import t, { type Test } from 'tap';
import { isTuple, Pid, startGenServer } from '../../../lib/distribution/index.ts';
import { Members } from '../../../lib/singleton/members.ts';
import { decodeRequest, okWithOwner } from '../../../lib/singleton/messages.ts';
import { type ClusterMember, TestCluster } from '../../support/cluster.ts';
import { until } from '../../support/peers.ts';

async function member(node: ClusterMember, owner?: Pid) {
  const events: string[] = [];
  const late: { members?: Members } = {};
  const started = await startGenServer(
    node.local.processes,
    {
      handleCall: (term) => {
        const request = decodeRequest(term);
        if (request?.type === 'hello') late.members?.joined(request.member);
        return { reply: okWithOwner(process.pid, owner) };
      },
      handleInfo: (message) => {
        if (isTuple(message, 5, 'DOWN')) members.down(message.elements[1]!);
      },
    },
    { name: 'member' },
  );
  if (started.type !== 'started') throw new Error('expected a process');
  const { process } = started;
  const members = new Members({
    ...{ node, memberName: 'member', process },
    onJoin: (name) => events.push(`join ${name}`),
    onLeave: (name) => events.push(`leave ${name}`),
    owner: () => owner,
    onOwner: (pid) => events.push(`owner ${pid.node}`),
  });
  late.members = members;
  await members.start();
  return { node, process, members, events };
}

async function cluster(t: Test, ...names: readonly string[]) {
  const network = await TestCluster.start(names);
  t.teardown(() => network.stop());
  return network;
}

t.test('members know each other, by greeting and by being greeted', async (t) => {
  const network = await cluster(t, 'b', 'a', 'c');
  const [b, a] = [await member(network.nodes[0]!), await member(network.nodes[1]!)];
  t.strictSame(a.members.names(), ['b@127.0.0.1']);
  t.strictSame(b.members.names(), ['a@127.0.0.1']);
  t.equal(a.members.rank(), 0);
  t.equal(b.members.rank(), 1);
  t.notOk(await a.members.knows('c@127.0.0.1'), 'connected, without a member');
  t.ok(await a.members.knows('a@127.0.0.1'), 'itself');
  const d = await member(await network.join('d'));
  await until(() => a.members.names().length === 2, { intervalMs: 1 });
  t.strictSame(d.members.names(), ['a@127.0.0.1', 'b@127.0.0.1']);
});

t.test('who greets hears of an owner', async (t) => {
  const network = await cluster(t, 'a', 'b');
  const [a, b] = network.nodes as [ClusterMember, ClusterMember];
  await member(a, new Pid(a.name, 99, 0, 1));
  const { events } = await member(b);
  t.strictSame(events, ['join a@127.0.0.1', 'owner a@127.0.0.1']);
});

t.test('one that ends is none any more, one that leaves is no candidate', async (t) => {
  const network = await cluster(t, 'a', 'b', 'c');
  const [a, b, c] = [
    await member(network.nodes[0]!),
    await member(network.nodes[1]!),
    await member(network.nodes[2]!),
  ];
  a.members.leaving('b@127.0.0.1');
  a.members.leaving('unknown@127.0.0.1');
  const isLeaving = (name: string) => a.members.isLeaving(`${name}@127.0.0.1`);
  t.strictSame(['b', 'c', 'unknown'].map(isLeaving), [true, false, false]);
  t.strictSame(a.members.names(), ['c@127.0.0.1']);
  b.process.stop();
  void network.kill(c.node);
  await until(() => a.events.length === 4, { intervalMs: 1 });
  t.strictSame(a.events.slice(2).sort(), ['leave b@127.0.0.1', 'leave c@127.0.0.1']);
  t.strictSame(a.members.names(), []);
});

t.test('a member that starts anew replaces the one before', async (t) => {
  const network = await cluster(t, 'a', 'b');
  const a = await member(network.nodes[0]!);
  const b = await member(network.nodes[1]!);
  const again = new Pid('b@127.0.0.1', b.process.pid.id + 1000, 0, b.process.pid.creation);
  a.members.joined(b.process.pid);
  t.strictSame(a.events, ['join b@127.0.0.1'], 'once');
  a.members.joined(again);
  // There is no such process: it is found to have ended.
  await until(() => a.events.length === 3, { intervalMs: 1 });
  t.strictSame(a.events.slice(1), ['join b@127.0.0.1', 'leave b@127.0.0.1']);
});

t.test('after the end nobody is greeted', async (t) => {
  const network = await cluster(t, 'a');
  const a = await member(network.nodes[0]!);
  a.members.stop();
  await member(await network.join('b'));
  a.process.stop();
  t.strictSame(a.members.names(), ['b@127.0.0.1'], 'the greeting of the other came before the end');
});
