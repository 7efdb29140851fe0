import t from 'tap';
import { atom, inspectTerm, tuple } from '../../lib/distribution/index.ts';
import { attachLogger, createLogger } from '../../lib/telemetry/logger.ts';
import { startCluster } from '../support/interop.ts';
import { elixirPeer, erlangPeer, until } from '../support/peers.ts';

const erlang = { skip: erlangPeer.skip };
const elixir = { skip: elixirPeer.skip };

t.test('Erlang and a node of ours', erlang, async (t) => {
  const cluster = await startCluster(t);
  const [ours, erl] = await Promise.all([cluster.node('ours'), cluster.erl('erl')]);

  await t.test('net_adm:ping connects us', async (t) => {
    t.equal(await erl.eval(`net_adm:ping('${ours.name}')`), 'pong');
    t.equal(await erl.eval('nodes()'), `['${ours.name}']`);
    t.strictSame(ours.local.nodes(), [erl.name]);
    t.equal(await erl.eval(`net_adm:ping('nobody@127.0.0.1')`), 'pang');
    t.equal(await erl.eval('nodes()'), `['${ours.name}']`);
  });

  await t.test('erl disconnects, we connect and ask its net_kernel', async (t) => {
    t.equal(await erl.eval(`erlang:disconnect_node('${ours.name}')`), 'true');
    await ours.disconnected(erl);
    t.strictSame(ours.local.nodes(), []);
    t.equal(await ours.local.connect(erl.name), true);
    t.strictSame(ours.local.nodes(), [erl.name]);
    await erl.evalUntil('nodes()', `['${ours.name}']`);
    const ping = tuple(atom('is_auth'), atom(ours.name));
    const answer = await ours.node.client.call({ name: 'net_kernel', node: erl.name }, ping);
    t.equal(inspectTerm(answer), 'yes');
  });

  await t.test('we disconnect, erl connects', async (t) => {
    t.equal(ours.local.disconnect(erl.name), true);
    await erl.evalUntil('nodes()', '[]');
    t.equal(await erl.eval(`net_kernel:connect_node('${ours.name}')`), 'true');
    t.equal(await erl.eval('nodes()'), `['${ours.name}']`);
    await ours.connected(erl);
    t.equal(
      await erl.eval(`lists:member(node(), rpc:call('${ours.name}', erlang, nodes, []))`),
      'true',
    );
  });

  await t.test('a connection that is there is used again', async (t) => {
    const before = ours.nodeEvents.length;
    t.equal(await ours.local.connect(erl.name), true);
    t.equal(await erl.eval(`net_kernel:connect_node('${ours.name}')`), 'true');
    t.equal(ours.nodeEvents.length, before);
    t.equal(ours.local.connections().length, 1);
  });

  t.notMatch(erl.log, /error|warning/i);
});

t.test('a hidden erl is connected but not among the nodes', erlang, async (t) => {
  const cluster = await startCluster(t);
  const [ours, hidden] = await Promise.all([
    cluster.node('ours'),
    cluster.erl('hidden', { args: ['-hidden'] }),
  ]);
  t.equal(await hidden.eval(`net_adm:ping('${ours.name}')`), 'pong');
  t.equal(await hidden.eval('{nodes(), nodes(hidden)}'), `{[],['${ours.name}']}`);
  t.strictSame(ours.local.nodes(), []);
  t.strictSame(ours.local.nodes('hidden'), [hidden.name]);
  t.strictSame(ours.local.nodes('connected'), [hidden.name]);
  ours.local.disconnect(hidden.name);
  await hidden.evalUntil('nodes(hidden)', '[]');
  t.equal(await ours.local.connect(hidden.name), true);
  t.strictSame([ours.local.nodes(), ours.local.nodes('hidden')], [[], [hidden.name]]);
});

t.test('a hidden node of ours is hidden from erl', erlang, async (t) => {
  const cluster = await startCluster(t);
  const [ours, erl] = await Promise.all([
    cluster.node('ours', { hidden: true }),
    cluster.erl('erl'),
  ]);
  t.equal(await erl.eval(`net_adm:ping('${ours.name}')`), 'pong');
  t.equal(await erl.eval('{nodes(), nodes(hidden)}'), `{[],['${ours.name}']}`);
  t.equal(
    await erl.eval('global:register_name(somebody, self())'),
    'yes',
    'global goes on without us',
  );
});

t.test('a wrong cookie is refused in both directions, and logged', erlang, async (t) => {
  const cluster = await startCluster(t);
  const [ours, erl] = await Promise.all([
    cluster.node('ours', { cookie: 'one_cookie' }),
    cluster.erl('erl', { cookie: 'another_cookie' }),
  ]);
  let log = '';
  const write = (line: string): void => {
    log += line;
  };
  attachLogger(ours.telemetry, createLogger({ destination: { write } }));
  const refusals = (): unknown[] =>
    ours.emitted('distribution.handshake.refused').map(({ peer, direction, code }) => ({
      ...{ peer, direction, code },
    }));

  await t.test('we dial', async (t) => {
    const result = await ours.local.dial(erl.name);
    t.match(result, { connected: false, error: { code: 'bad_cookie' } });
    t.strictSame(refusals(), [{ peer: erl.name, direction: 'out', code: 'bad_cookie' }]);
    await erl.logged(
      /Connection attempt from node 'ours@127\.0\.0\.1' rejected\. Invalid challenge reply/,
    );
  });

  await t.test('erl dials', async (t) => {
    t.equal(await erl.eval(`net_adm:ping('${ours.name}')`), 'pang');
    await until(() => refusals().length === 2);
    t.strictSame(refusals()[1], { peer: erl.name, direction: 'in', code: 'bad_cookie' });
  });

  await t.test('the log lines name the peer and the reason, and no cookie', async (t) => {
    const lines = log.split('\n').filter((line) => line !== '');
    t.equal(lines.length, 2);
    for (const line of lines) {
      t.match(JSON.parse(line), {
        level: 'warn',
        msg: 'handshake refused',
        peer: erl.name,
        code: 'bad_cookie',
      });
      t.match(line, /cookie is another|does not know our cookie/);
      t.notMatch(line, /one_cookie|another_cookie/);
    }
  });

  await t.test('nobody is connected', async (t) => {
    t.strictSame(ours.local.nodes('connected'), []);
    t.equal(await erl.eval('nodes(connected)'), '[]');
  });

  await t.test('a cookie for one node, set on either side, lets them in', async (t) => {
    ours.local.setCookie(erl.name, 'another_cookie');
    t.equal(await ours.local.connect(erl.name), true);
    ours.local.disconnect(erl.name);
    await erl.evalUntil('nodes()', '[]');
    t.equal(await erl.eval(`net_adm:ping('${ours.name}')`), 'pong');
    ours.local.disconnect(erl.name);
    await erl.evalUntil('nodes()', '[]');

    ours.local.setCookie(erl.name, 'one_cookie');
    t.equal(await ours.local.connect(erl.name), false);
    await erl.eval(`erlang:set_cookie('${ours.name}', one_cookie)`);
    t.equal(await ours.local.connect(erl.name), true);
    ours.local.disconnect(erl.name);
    await erl.evalUntil('nodes()', '[]');
    t.equal(await erl.eval(`net_adm:ping('${ours.name}')`), 'pong');
  });
});

t.test('Elixir and a node of ours', elixir, async (t) => {
  const cluster = await startCluster(t);
  const [ours, iex] = await Promise.all([cluster.node('ours'), cluster.elixir('iex')]);
  t.equal(await iex.eval(`Node.ping(:"${ours.name}")`), ':pong');
  t.equal(await iex.eval('Node.list()'), `[:"${ours.name}"]`);
  t.strictSame(ours.local.nodes(), [iex.name]);
  t.equal(await iex.eval(`Node.disconnect(:"${ours.name}")`), 'true');
  await ours.disconnected(iex);
  t.equal(await iex.eval(`Node.connect(:"${ours.name}")`), 'true');
  await ours.connected(iex);
  ours.local.disconnect(iex.name);
  await iex.evalUntil('Node.list()', '[]');
  t.equal(await ours.local.connect(iex.name), true);
  await iex.evalUntil('Node.list()', `[:"${ours.name}"]`);
  t.equal(await iex.eval(`Node.ping(:"${ours.name}")`), ':pong');
});
