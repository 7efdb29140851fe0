/** GenServer calls between us and live Erlang and Elixir nodes: replies, time-outs, ends, leftovers. */
import t, { type Test } from 'tap';
import type { From } from '../../lib/distribution/gen-server/envelope.ts';
import { reply } from '../../lib/distribution/gen-server/reply.ts';
import {
  atom,
  binary,
  type CallResult,
  type DistributedNode,
  type GenServer,
  inspectTerm,
  isTuple,
  type Process,
  startGenServer,
  type Term,
  tuple,
} from '../../lib/distribution/index.ts';
import { receiveText, startCluster, type TestNode } from '../support/interop.ts';
import { elixirPeer, erlangPeer, type Peer, until } from '../support/peers.ts';

/** Answers `{echo, T}` with T, and so `{last, T}`, its end; `{later, T}` when the test says so. `{stop, Reason}` ends it. */
class Server implements GenServer {
  readonly casts: Term[] = [];
  readonly infos: Term[] = [];
  readonly waiting: From[] = [];
  readonly #node: DistributedNode;

  constructor(node: DistributedNode) {
    this.#node = node;
  }

  handleCall(request: Term, from: From): CallResult {
    if (!isTuple(request, 2)) return { reply: atom('what') };
    const argument = request.elements[1]!;
    if (isTuple(request, 2, 'echo')) return { reply: argument };
    if (isTuple(request, 2, 'stop')) return { stop: argument };
    if (isTuple(request, 2, 'last')) return { stop: atom('normal'), reply: argument };
    if (isTuple(request, 2, 'throw')) throw new Error('thrown by the test');
    this.waiting.push(from);
    return { noReply: true };
  }

  handleCast(request: Term): void {
    this.casts.push(request);
  }

  handleInfo(message: Term): void {
    this.infos.push(message);
  }

  /** Answers the oldest call that waits, then sends the caller a message of its own. */
  answer(self: Process, value: Term): void {
    const from = this.waiting.shift()!;
    reply(this.#node.local.processes, from, value, self.pid);
    self.send(from.pid, atom('answered'));
  }
}

async function startServer(
  { node }: TestNode,
  name: string,
): Promise<{ server: Server; process: Process }> {
  const server = new Server(node);
  const started = await startGenServer(node.local.processes, server, { name });
  if (started.type === 'ignore') throw new Error('the server did not start');
  return { server, process: started.process };
}

/** Evaluates a call on erl in a process of its own and says how it ended. */
function attempt(erl: Peer, call: string): Promise<string> {
  return erl.eval(
    `(fun() -> try {reply, ${call}} catch C:{R, _} -> {C, R}; C:R -> {C, R} end end)()`,
  );
}

t.test('erl calls us', { skip: erlangPeer.skip }, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([cluster.node('ours'), cluster.erl('erl')]);
  const { server, process } = await startServer(node, 'server');
  const at = `{server, '${node.name}'}`;

  await t.test('by name, by pid and by global name', async (t) => {
    t.equal(
      await attempt(erl, `gen_server:call(${at}, {echo, [1, 2.0, "x"]})`),
      '{reply,[1,2.0,[120]]}',
    );
    await node.node.global.registerName(atom('global_server'), process.pid);
    await erl.evalUntil('global:whereis_name(global_server) =/= undefined', 'true');
    t.equal(
      await attempt(erl, 'gen_server:call({global, global_server}, {echo, #{a => 1}})'),
      '{reply,#{a => 1}}',
    );
    t.equal(
      await attempt(
        erl,
        'gen_server:call(global:whereis_name(global_server), {echo, self()}) =:= {echo, self()}',
      ),
      '{reply,false}',
    );
    t.equal(
      await erl.eval(
        'gen_server:call(global:whereis_name(global_server), {echo, self()}) =:= self()',
      ),
      'true',
    );
    t.equal(await attempt(erl, `gen_server:call(${at}, unknown)`), '{reply,what}');
  });

  await t.test('casts and plain messages arrive in order', async (t) => {
    await erl.eval(`[gen_server:cast(${at}, {n, N}) || N <- lists:seq(1, 50)]`);
    await erl.eval(`[${at} ! {m, N} || N <- lists:seq(1, 50)]`);
    await erl.eval(`gen_server:abcast(['${node.name}'], server, last)`);
    await until(() => server.casts.length === 51);
    t.strictSame(
      server.casts.map((cast) => inspectTerm(cast)),
      [...Array.from({ length: 50 }, (_, i) => `{n,${i + 1}}`), 'last'],
    );
    t.strictSame(
      server.infos.map((info) => inspectTerm(info)),
      Array.from({ length: 50 }, (_, i) => `{m,${i + 1}}`),
    );
  });

  await t.test('multi_call', async (t) => {
    const nodes = `['${node.name}', 'nobody@127.0.0.1', node()]`;
    t.equal(
      await erl.eval(`gen_server:multi_call(${nodes}, server, {echo, hello})`),
      `{[{'${node.name}',hello}],['nobody@127.0.0.1','${erl.name}']}`,
    );
  });

  await t.test('a thousand calls at once', async (t) => {
    t.equal(
      await erl.eval(`(fun() ->
        Self = self(),
        [spawn(fun() -> Self ! {got, N, gen_server:call(${at}, {echo, N})} end) || N <- lists:seq(1, 1000)],
        [receive {got, N, Reply} -> Reply after 5000 -> nothing end || N <- lists:seq(1, 1000)]
          =:= lists:seq(1, 1000)
      end)()`),
      'true',
    );
  });

  await t.test('a time-out, and the late reply is dropped', async (t) => {
    t.equal(await attempt(erl, `gen_server:call(${at}, {later, x}, 50)`), '{exit,timeout}');
    await until(() => server.waiting.length === 1);
    server.answer(process, atom('too_late'));
    t.equal(
      await erl.eval('(fun() -> receive M -> M after 5000 -> nothing end end)()'),
      'answered',
    );
    t.equal(await erl.eval('element(2, process_info(self(), messages))'), '[]');
    // What is left is the global name, monitored by `global` on either side.
    await until(() => node.local.processes.sizes.monitors === 2);
  });

  await t.test('nobody there', async (t) => {
    t.equal(await attempt(erl, `gen_server:call({nobody, '${node.name}'}, x)`), '{exit,noproc}');
    const dead = node.actor('dead_soon');
    await erl.eval(`Dead = rpc:call('${node.name}', erlang, whereis, [dead_soon])`);
    dead.stop();
    t.equal(await attempt(erl, 'gen_server:call(Dead, x)'), '{exit,noproc}');
  });

  await t.test('the server ends during the call', async (t) => {
    for (const [request, reason] of [
      ['{stop, normal}', '{exit,normal}'],
      ['{stop, boom}', '{exit,boom}'],
      ['{throw, x}', /^\{exit,\{\{js_error,.*\},\[\]\}\}$/],
    ] as const) {
      const { process: other } = await startServer(node, 'other');
      const ended = await attempt(erl, `gen_server:call({other, '${node.name}'}, ${request})`);
      if (typeof reason === 'string') t.equal(ended, reason);
      else t.match(ended, reason);
      await other.exited;
    }
  });

  await t.test('a server that ends after a large reply has replied', async (t) => {
    const byPid = `rpc:call('${node.name}', erlang, whereis, [last])`;
    for (const server of [`{last, '${node.name}'}`, byPid]) {
      const { process: last } = await startServer(node, 'last');
      const call = `gen_server:call(${server}, {last, binary:copy(<<7>>, 3000000)})`;
      t.equal(await attempt(erl, `byte_size(${call})`), '{reply,3000000}');
      await last.exited;
    }
  });

  await t.test('the connection is lost during the call', async (t) => {
    const call = attempt(erl, `gen_server:call(${at}, {later, x})`);
    await until(() => server.waiting.length === 1);
    node.local.disconnect(erl.name);
    t.equal(await call, `{exit,{nodedown,'${node.name}'}}`);
    server.waiting.shift();
  });

  await t.test('sys messages do no harm', async (t) => {
    t.match(await attempt(erl, `sys:get_state(${at}, 50)`), /^\{exit,/);
    t.ok(process.isAlive);
    t.equal(await attempt(erl, `gen_server:call(${at}, {echo, still_here})`), '{reply,still_here}');
  });

  t.notMatch(erl.log, /error/i);
});

const ELIXIR_SERVER = `
defmodule Server do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_call({:echo, term}, _from, state), do: {:reply, term, state}
  def handle_call({:stop, reason}, _from, state), do: {:stop, reason, state}
  def handle_call({:later, ms}, from, state) do
    Process.send_after(self(), {:answer, from}, ms)
    {:noreply, state}
  end
  def handle_cast({:tell, pid, term}, state) do
    send(pid, term)
    {:noreply, state}
  end
  def handle_info({:answer, {pid, _tag} = from}, state) do
    GenServer.reply(from, :late)
    send(pid, :answered)
    {:noreply, state}
  end
end
start = fn name -> {:ok, pid} = GenServer.start(Server, nil, name: name); pid end
start.(:server)`;

t.test('we call Elixir', { skip: elixirPeer.skip }, async (t) => {
  const cluster = await startCluster(t);
  const [node, iex] = await Promise.all([cluster.node('ours'), cluster.elixir('iex')]);
  await iex.eval(ELIXIR_SERVER);
  const { client } = node.node;
  const server = { name: 'server', node: iex.name };
  const echo = (term: Term): Term => tuple(atom('echo'), term);
  const caller = node.actor('caller');

  await t.test('by name, by pid and by global name', async (t) => {
    const text = binary('grüße');
    t.equal(inspectTerm(await client.call(server, echo(text))), inspectTerm(text));
    caller.send(server, tuple(atom('$gen_cast'), tuple(atom('tell'), caller.pid, atom('hello'))));
    t.equal(await receiveText(caller), 'hello');
    await iex.eval(':yes = :global.register_name(:elixir_server, Process.whereis(:server))');
    const globalName = atom('elixir_server');
    await until(() => node.node.global.whereisName(globalName) !== undefined);
    t.equal(await client.call({ global: globalName }, echo(1)), 1);
    t.equal(
      await client.call(node.node.global.whereisName(globalName)!, echo(2), { as: caller }),
      2,
    );
    client.cast({ global: globalName }, tuple(atom('tell'), caller.pid, atom('cast')));
    t.equal(await receiveText(caller), 'cast');
  });

  await t.test('a thousand calls at once', async (t) => {
    const numbers = Array.from({ length: 1_000 }, (_, i) => i);
    const replies = await Promise.all(numbers.map((n) => client.call(server, echo(n))));
    t.strictSame(replies, numbers);
  });

  await t.test('multiCall', async (t) => {
    const nodes = [iex.name, node.name, 'nobody@127.0.0.1'];
    const { replies, badNodes } = await client.multiCall(nodes, 'server', echo(7));
    t.strictSame([...replies], [[iex.name, 7]]);
    t.strictSame(badNodes, [node.name, 'nobody@127.0.0.1']);
  });

  await t.test('a time-out, and the late reply is dropped', async (t) => {
    const before = node.local.processes.sizes;
    const call = client.call(server, tuple(atom('later'), 100), { timeoutMs: 20, as: caller });
    await t.rejects(call, { code: 'timeout' });
    t.strictSame(caller.pending, { requests: 0, timers: 0, receives: 0 });
    t.strictSame(node.local.processes.sizes, before);
    t.equal(await receiveText(caller), 'answered');
    t.equal(caller.mailboxLength, 0);
    await iex.evalUntil(
      'Process.info(Process.whereis(:server), :monitored_by) |> elem(1) |> Enum.count(&(node(&1) == :"ours@127.0.0.1"))',
      '1',
    );
  });

  await t.test('nobody there', async (t) => {
    await t.rejects(client.call({ ...server, name: 'nobody' }, 1), { code: 'noproc' });
    await t.rejects(client.call({ global: atom('nobody') }, 1), { code: 'noproc' });
    await t.rejects(client.call({ ...server, node: 'nobody@127.0.0.1' }, 1), {
      code: 'noconnection',
    });
  });

  await t.test('the server ends during the call', async (t) => {
    await iex.eval('Logger.configure(level: :none)');
    for (const reason of ['normal', 'boom', 'killed']) {
      await iex.eval('start.(:other)');
      const call = client.call({ ...server, name: 'other' }, tuple(atom('stop'), atom(reason)));
      const error = await call.then(
        () => undefined,
        (rejection: { code: string; context: { exitReason: Term } }) => rejection,
      );
      t.equal(error?.code, 'exit');
      t.equal(inspectTerm(error!.context.exitReason), reason);
      await iex.evalUntil('Process.whereis(:other)', 'nil');
    }
  });

  await t.test('the node dies during the call', async (t) => {
    const call = client.call(server, tuple(atom('later'), 60_000), { as: caller });
    const rejected = t.rejects(call, { code: 'noconnection' });
    client.cast(server, tuple(atom('tell'), caller.pid, atom('waiting')));
    t.equal(await receiveText(caller), 'waiting');
    await iex.kill();
    await rejected;
    t.strictSame(caller.pending, { requests: 0, timers: 0, receives: 0 });
    await leftNothing(t, node, caller);
  });
});

/** Beside the caller, and the client's own process, only what was there at the start. */
async function leftNothing(t: Test, node: TestNode, caller: Process): Promise<void> {
  caller.stop();
  node.node.client.stop();
  await until(() => node.local.nodes().length === 0);
  t.strictSame(node.local.processes.sizes, node.initialSizes);
}
