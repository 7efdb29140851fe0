import { test } from 'tap';
import { ErpcServer } from '../../../../lib/distribution/kernel/erpc-server.ts';
import { Exports } from '../../../../lib/distribution/kernel/exports.ts';
import { ProcessExit } from '../../../../lib/distribution/process/process-exit.ts';
import {
  ProcessTable,
  type SpawnRequestSignal,
} from '../../../../lib/distribution/process/process-table.ts';
import type { Signal } from '../../../../lib/distribution/process/signals.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

const caller = new Pid('b@h', 5, 0, 1);
const ref = new Reference('b@h', 1, [1, 2, 3]);
const resultRef = new Reference('b@h', 1, [4, 5, 6]);

function setUp(maxRunning?: number) {
  const remote = new RecordingRemote();
  const processes = new ProcessTable({ node: 'a@h', creation: 1, remote });
  const exports = new Exports();
  exports.add('m', 'echo', 1, ([x]) => x!);
  exports.add('m', 'exit', 0, () => {
    throw new ProcessExit(atom('because'));
  });
  exports.add('m', 'fail', 0, () => {
    throw new TypeError('no');
  });
  exports.add('m', 'wait', 0, (_args, self) => {
    return new Promise((resolve) => {
      self.signal.addEventListener('abort', () => resolve(0));
    });
  });
  const server = new ErpcServer({
    processes,
    exports,
    telemetry: undefined,
    ...(maxRunning === undefined ? {} : { maxRunning }),
  });
  processes.onSpawnRequest = (peer, request) => server.onSpawnRequest(peer, request);
  const request = (
    module: string,
    name: string,
    args: Term,
    options: Term = [atom('monitor')],
  ): void => {
    const base = { type: 'spawn_request', ref, from: caller, groupLeader: caller } as const;
    const arity = Array.isArray(args) ? args.length : 0;
    const signal: SpawnRequestSignal = { ...base, module, function: name, arity, options, args };
    processes.receive('b@h', signal);
  };
  const sent = async (): Promise<Signal[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    return remote.take().map(({ signal }) => signal);
  };
  return { request, sent, server, processes };
}

const call = (name: string, args: Term): Term => [resultRef, atom('m'), atom(name), args];

test('an erpc call is answered at once, and its result is the exit reason', async (t) => {
  const { request, sent, server } = setUp();
  const cases: [Term, Term][] = [
    [call('echo', [7]), tuple(resultRef, atom('return'), 7)],
    [call('exit', []), tuple(resultRef, atom('exit'), atom('because'))],
    [
      call('gone', [1]),
      tuple(resultRef, atom('error'), atom('undef'), [tuple(atom('m'), atom('gone'), [1], [])]),
    ],
  ];
  for (const [args, reason] of cases) {
    request('erpc', 'execute_call', args);
    const [reply, down] = await sent();
    t.match(reply, { type: 'spawn_reply', ref, to: caller, flags: 2 });
    t.same(down?.type === 'down' && down.reason, reason);
    t.match(down, { from: reply?.type === 'spawn_reply' ? reply.result : undefined, ref });
  }
  request('erpc', 'execute_call', call('fail', []));
  const [, down] = await sent();
  t.match(down?.type === 'down' && down.reason, { elements: [resultRef, atom('error')] });
  t.equal(server.running, 0);
});

test('runs casts and plain spawns, linked if asked to', async (t) => {
  const { request, sent } = setUp();
  request('erpc', 'execute_cast', [atom('m'), atom('echo'), [1]], []);
  t.match(await sent(), [{ type: 'spawn_reply', flags: 0 }]);
  request('m', 'echo', [1], [atom('link'), tuple(atom('priority'), atom('high'))]);
  t.match(await sent(), [
    { type: 'spawn_reply', flags: 1 },
    { type: 'exit_link', to: caller, reason: atom('normal') },
  ]);
  request('m', 'gone', []);
  const [, down] = await sent();
  const undef = tuple(atom('undef'), [tuple(atom('m'), atom('gone'), [], [])]);
  t.same(down?.type === 'down' && down.reason, undef);
});

test('refuses what it cannot honour, and too much at once', async (t) => {
  const { request, sent, processes } = setUp(1);
  for (const [args, options] of [
    [call('echo', [1]), [atom('trap_everything')]],
    [call('echo', [1]), atom('no_list')],
    [call('echo', atom('no_list')), []],
    [atom('no_list'), []],
  ] as const) {
    request('erpc', 'execute_call', args, options);
    t.match(await sent(), [{ type: 'spawn_reply', flags: 0, result: atom('badopt') }]);
  }
  request('erpc', 'execute_call', call('wait', []));
  request('erpc', 'execute_call', call('echo', [1]));
  const [first, second] = await sent();
  t.match(second, { result: atom('system_limit') });
  if (first?.type === 'spawn_reply' && first.result instanceof Pid) {
    processes.get(first.result)?.stop(atom('shutdown'));
  }
  await sent();
  request('erpc', 'execute_call', call('echo', [1]));
  t.equal((await sent()).length, 2, 'there is room again');
});
