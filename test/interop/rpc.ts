/** Function calls between a BEAM node and ours: `rpc`, `erpc`, `spawn`, io and log events, in both directions. */
import t from 'tap';
import { startKernel } from '../../lib/distribution/kernel/kernel.ts';
import { LocalNode } from '../../lib/distribution/node/local-node.ts';
import { atom } from '../../lib/distribution/terms/atom.ts';
import { inspectTerm } from '../../lib/distribution/terms/inspect.ts';
import { isTuple } from '../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { freePort } from '../support/free-ports.ts';
import { erlangPeer, startEpmd, startErl } from '../support/peers.ts';
import { until } from '../support/until.ts';

t.test('calls both ways with erl', { skip: erlangPeer.skip, timeout: 60_000 }, async (t) => {
  const epmd = await startEpmd(await freePort());
  t.teardown(() => epmd.stop());
  const common = { cookie: 'rpc-interop', epmdPort: epmd.port };
  const peer = await startErl({ ...common, name: 'b@127.0.0.1' });
  t.teardown(() => peer.stop());
  const telemetry = new Telemetry();
  const events: string[] = [];
  telemetry.attach('io', ['distribution.io', 'distribution.log'], (_event, _m, { text }) =>
    events.push(String(text)),
  );
  const options = { ...common, name: 'a@127.0.0.1', embeddedEpmd: false, telemetry };
  const node = await LocalNode.start(options);
  const kernel = startKernel(node, { telemetry });
  kernel.export('my', 'add', 2, ([x, y]) => Number(x) + Number(y));
  kernel.export('my', 'wait', 0, () => new Promise(() => {}));
  node.accept();
  t.teardown(async () => {
    kernel.prepareShutdown();
    await node.stop();
    kernel.stop();
  });
  const A = "'a@127.0.0.1'";

  await t.test('the peer calls us', async (t) => {
    const cases: [string, string][] = [
      [`net_adm:ping(${A})`, 'pong'],
      [`rpc:call(${A}, erlang, node, [])`, A],
      [`erpc:call(${A}, my, add, [2, 3])`, '5'],
      [`rpc:block_call(${A}, my, add, [100, 3])`, '103'],
      [`erpc:multicall([${A}], my, add, [2, 3])`, '[{ok,5}]'],
      [`rpc:multicall([${A}], my, add, [2, 3])`, '{[5],[]}'],
      [`rpc:call(${A}, os, cmd, ["ls"])`, `{badrpc,{'EXIT',{undef,[{os,cmd,["ls"],[]}]}}}`],
      [`catch erpc:call(${A}, my, wait, [], 50)`, `{'EXIT',{{erpc,timeout},[]}}`],
      [`is_pid(rpc:call(${A}, erlang, whereis, [net_kernel]))`, 'true'],
      [`rpc:sbcast([${A}], nobody, hello)`, `{[],[${A}]}`],
      [
        `(fun() -> {P, R} = spawn_monitor(${A}, my, gone, [1]),
           receive {'DOWN', R, process, P, Why} -> Why end end)()`,
        '{undef,[{my,gone,[1],[]}]}',
      ],
    ];
    for (const [source, expected] of cases) {
      const value = await peer.eval(source, { format: '~0p' });
      t.equal(value.replace(/\{erpc,timeout\},\[.*\]/, '{erpc,timeout},[]'), expected, source);
    }
    t.equal(await peer.eval(`rpc:cast(${A}, my, add, [1, 2])`), 'true');
  });

  await t.test('we call the peer', async (t) => {
    const call = async (module: string, name: string, args: Parameters<typeof kernel.rpc>[3]) =>
      inspectTerm(await kernel.rpc('b@127.0.0.1', module, name, args));
    t.equal(await call('erlang', 'node', []), `'b@127.0.0.1'`);
    t.equal(await call('lists', 'reverse', [[1, 2, 3]]), '[3,2,1]');
    await t.rejects(call('no_module', 'f', []), { code: 'exit', message: /undef/ });
  });

  await t.test('output and log events under our group leader come to us', async (t) => {
    const leader = node.processes.groupLeader!;
    await kernel.global.registerName(atom('leader'), leader);
    await peer.evalUntil('is_pid(global:whereis_name(leader))', 'true');
    const run = (body: string): Promise<string> =>
      peer.eval(
        `(fun() -> Self = self(),
           spawn(fun() -> group_leader(global:whereis_name(leader), self()), Self ! {done, (${body})} end),
           receive {done, Value} -> Value end end)()`,
      );
    t.equal(await run('io:format("hello ~p~n", [world])'), 'ok');
    t.equal(await run('io:get_line("> ")'), '{error,enotsup}');
    t.equal(await run('logger:error("it is ~s", ["bad"])'), 'ok');
    await until(() => events.length === 2, { what: 'both events' });
    t.match(events[0], 'hello world\n');
    t.match(events[1], /it is bad/);
  });
  t.notMatch(peer.log, /=(ERROR|CRASH) REPORT/);
  t.ok(isTuple(await kernel.rpc('b@127.0.0.1', 'sys', 'get_status', [atom('rex')])));
});
