import t from 'tap';
import {
  atom,
  CallError,
  ProcessError,
  ProcessExit,
  type Term,
} from '../../../lib/distribution/index.ts';
import { probeRuntime, type Rpc } from '../../../lib/live/beam-probe.ts';

const characters = (text: string): Term => [...text].map((c) => c.charCodeAt(0));

/** A node that knows some functions; the others are undefined there. */
function node(functions: Readonly<Record<string, Term>>): Rpc {
  return async (_node, module, name, args) => {
    const value = functions[`${module}:${name}/${args.length}`];
    if (value === undefined) throw new CallError('exit', 'badrpc undef');
    return value;
  };
}

t.test('an Erlang node says its release', async (t) => {
  const rpc = node({ 'erlang:system_info/1': characters('25') });
  t.strictSame(await probeRuntime(rpc, 'e@h'), { kind: 'beam', runtime: 'Erlang/OTP 25' });
});

t.test('an Elixir node says its version as well', async (t) => {
  const rpc = node({
    'erlang:system_info/1': characters('27'),
    'Elixir.System:version/0': new TextEncoder().encode('1.18.2'),
  });
  t.strictSame(await probeRuntime(rpc, 'e@h'), {
    kind: 'beam',
    runtime: 'Elixir 1.18.2, Erlang/OTP 27',
  });
});

t.test('a node that understands the question and has no such function is none', async (t) => {
  t.strictSame(await probeRuntime(node({}), 'b@h'), { kind: 'unknown' });
});

t.test('a node that does not answer, or with nonsense, is one without a release', async (t) => {
  const silent: Rpc = async () => {
    throw new CallError('timeout', 'no answer');
  };
  t.strictSame(await probeRuntime(silent, 'e@h'), { kind: 'beam', runtime: null });
  for (const nonsense of [atom('old'), 7, characters('a b'), characters('9'.repeat(99)), [[]]]) {
    const rpc = node({ 'erlang:system_info/1': nonsense });
    t.strictSame(await probeRuntime(rpc, 'e@h'), { kind: 'beam', runtime: null });
  }
});

t.test('a node of ours that stops meanwhile learns nothing, and nothing breaks', async (t) => {
  for (const end of [
    new ProcessExit(atom('shutdown')),
    new ProcessError('stopped', 'the processes are stopped'),
  ]) {
    const stopping: Rpc = async (_node, module) => {
      if (module === 'erlang') return characters('27');
      throw end;
    };
    t.strictSame(await probeRuntime(() => Promise.reject(end), 'e@h'), {
      kind: 'beam',
      runtime: null,
    });
    t.match(await probeRuntime(stopping, 'e@h'), { runtime: 'Erlang/OTP 27' });
  }
});

t.test('what is no failure of the call is not hidden', async (t) => {
  const broken: Rpc = async () => {
    throw new TypeError('broken');
  };
  await t.rejects(probeRuntime(broken, 'e@h'), { message: 'broken' });
});
