import { test } from 'tap';
import { addBuiltinExports } from '../../../../lib/distribution/kernel/builtin-exports.ts';
import { Exports } from '../../../../lib/distribution/kernel/exports.ts';
import { encodeMethod } from '../../../../lib/distribution/kernel/global/resolver.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import type { Term } from '../../../../lib/distribution/terms/term.ts';
import { GlobalMesh } from '../../../support/global-mesh.ts';

test('answers the questions that peers ask of any node', async (t) => {
  const mesh = new GlobalMesh(['a@h']);
  t.teardown(() => mesh.stop());
  const node = mesh.node('a@h');
  const { global, processes } = node;
  const exports = new Exports();
  addBuiltinExports(exports, node, global);
  const self = processes.spawnServer({ name: 'me', onMessage: () => {} });
  const call = async (module: string, name: string, ...args: Term[]): Promise<unknown> => {
    const outcome = await exports.apply(module, name, args, self);
    return outcome.type === 'return' ? outcome.value : outcome.type;
  };
  await global.registerName(atom('x'), self.pid);
  t.same(await call('erlang', 'node'), atom('a@h'));
  t.same(await call('erlang', 'nodes'), []);
  t.same(await call('erlang', 'whereis', atom('me')), self.pid);
  t.same(await call('erlang', 'whereis', 5), atom('undefined'));
  t.same(await call('erlang', 'is_process_alive', self.pid), atom('true'));
  t.same(await call('erlang', 'is_process_alive', atom('x')), atom('false'));
  t.ok(((await call('erlang', 'registered')) as Term[]).length >= 2);
  t.same(await call('global', 'whereis_name', atom('x')), self.pid);
  t.same(await call('global', 'whereis_name', atom('y')), atom('undefined'));
  t.same(await call('global', 'registered_names'), [atom('x')]);
  t.equal(await call('global', 'resolve_it', 1, 2, 3, 4), 'error');
  const smaller = new Pid('A@h', 1, 0, 1);
  const method = encodeMethod('random_exit_name');
  t.same(await call('global', 'resolve_it', method, atom('x'), smaller, self.pid), smaller);
  t.notOk(self.isAlive, 'the process on the greater node is killed');
});
