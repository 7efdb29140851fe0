import t, { type Test } from 'tap';
import { createBindings } from '../../../lib/console/bindings.ts';
import { formatValue } from '../../../lib/console/format.ts';
import { Session } from '../../../lib/console/session.ts';
import { COUNTER_NAME, Counter } from '../../../lib/counter.ts';
import { startNode } from '../../../lib/distribution/index.ts';
import { PubSub } from '../../../lib/pubsub/pubsub.ts';
import { freePort } from '../../support/free-ports.ts';

async function open(t: Test, name?: string, epmdPort?: number) {
  const node = await startNode(
    name === undefined || epmdPort === undefined ? {} : { name, cookie: 'c', epmdPort },
  );
  const state = { exited: false };
  const counter = new Counter({ node });
  const exit = () => {
    state.exited = true;
  };
  const pubsub = await PubSub.start();
  const session = new Session(
    createBindings({ node, counter, application: { pubsub, onPubSub: () => {} }, exit }),
  );
  t.teardown(async () => {
    await pubsub.stop();
    session.close();
    await node.stop();
  });
  const evaluate = async (source: string): Promise<string> => {
    const outcome = await session.evaluate(source);
    if (outcome.type === 'error') throw outcome.error;
    return outcome.type === 'value' ? formatValue(outcome.value) : outcome.type;
  };
  return { node, counter, state, evaluate };
}

t.test('on a node without distribution', async (t) => {
  const { counter, state, evaluate } = await open(t);
  await counter.start();
  const name = JSON.stringify(COUNTER_NAME.name);
  const cases: [string, string | RegExp][] = [
    ['Node.self()', 'nonode@nohost'],
    ['Node.list()', '[]'],
    ["Node.connect('a@127.0.0.1')", 'ignored'],
    ["Node.disconnect('a@127.0.0.1')", 'ignored'],
    ["Node.ping('a@127.0.0.1')", 'pang'],
    ['Node.ping(Node.self())', 'pong'],
    ['Counter.increment()', '1'],
    ['Counter.get()', '1'],
    ['Global.registeredNames()', "['Elixir.HelloDistributed.DistributedCounter']"],
    [`Global.whereis(${name})`, /^<nonode@nohost\.\d+\.0>$/],
    ["Global.whereis('nobody')", 'undefined'],
    [`GenServer.call({ global: ${name} }, atom('increment'))`, '2'],
    [`GenServer.call(Global.whereis(atom(${name})), atom('get'), 100)`, '2'],
    [`GenServer.cast({ global: ${name} }, atom('x'))`, 'ok'],
    ["GenServer.call('net_kernel', tuple(atom('is_auth'), Node.self()))", 'yes'],
    ["GenServer.call({ name: 'net_kernel', node: Node.self() }, 5)", '{error,unknown_call}'],
    [`pid(String(Global.whereis(${name}))).equals(Global.whereis(${name}))`, 'true'],
    ["tuple(atom('a b'), list(1, true), binary('é'))", '{\'a b\',[1,true],<<"é"/utf8>>}'],
    ['improper(1, 2, 3)', '[1,2|3]'],
    ['[map({ a: 1 }), map(), float(2), float(2.5)]', '[#{a => 1},#{},2.0,2.5]'],
    ["PubSub.subscribe('t')", 'ok'],
    ["PubSub.broadcast('t', { n: 1 })", 'ok'],
    ['flush()', '[{ n: 1 }]'],
    ['help()', /^Node\.self\(\)/],
  ];
  for (const [source, expected] of cases) t.match(await evaluate(source), expected, source);
  t.notOk(state.exited);
  await evaluate('exit()');
  t.ok(state.exited);
});

t.test('explains what it cannot take', async (t) => {
  const { evaluate } = await open(t);
  const cases: [string, RegExp][] = [
    ['Node.connect(5)', /the name of a node as a string or an atom, got 5/],
    ["GenServer.call('x', 'get')", /write atom\("get"\)/],
    ["GenServer.call(5, atom('get'))", /expected a pid, a name/],
    ["GenServer.call('x', 1, 'soon')", /a time-out in milliseconds, got the string "soon"/],
    ["GenServer.call('nobody', 1)", /nobody/],
    ['improper()', /elements and a tail/],
    ['improper(1)', /at least one element/],
    ['binary(5)', /expected a string, got 5/],
    ['float("x")', /finite/],
    ['pid("x")', /as it is printed/],
    ['pid("<b@h.1.2>")', /a connected node, got b@h/],
  ];
  for (const [source, message] of cases) await t.rejects(evaluate(source), { message }, source);
});

t.test('on two nodes', async (t) => {
  const epmdPort = await freePort();
  const a = await open(t, 'a@127.0.0.1', epmdPort);
  const b = await open(t, 'b@127.0.0.1', epmdPort);
  await a.counter.start();
  t.equal(await b.evaluate("Node.ping('nobody@127.0.0.1')"), 'pang');
  t.equal(await b.evaluate("Node.connect('nobody@127.0.0.1')"), 'false');
  t.equal(await b.evaluate("Node.ping('a@127.0.0.1')"), 'pong');
  t.equal(await b.evaluate("Node.connect('a@127.0.0.1')"), 'true');
  await b.node.global.whenSynced(['a@127.0.0.1'], 5_000);
  await b.counter.start();
  t.equal(await b.evaluate('Node.list()'), "['a@127.0.0.1']");
  t.equal(await a.evaluate('Node.list()'), "['b@127.0.0.1']");
  t.equal(await b.evaluate('Counter.increment()'), '1');
  t.match(await b.evaluate(`pid('<a@127.0.0.1.1.0>')`), '<a@127.0.0.1.1.0>');
  t.equal(await b.evaluate('Node.disconnect(Node.list()[0])'), 'true');
  t.equal(await b.evaluate("Node.disconnect('a@127.0.0.1')"), 'false');
  t.equal(await b.evaluate('Node.list()'), '[]');
});
