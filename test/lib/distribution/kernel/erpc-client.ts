import { test } from 'tap';
import { erpcCall } from '../../../../lib/distribution/kernel/erpc-client.ts';
import { ErpcServer } from '../../../../lib/distribution/kernel/erpc-server.ts';
import { Exports } from '../../../../lib/distribution/kernel/exports.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { isTuple } from '../../../../lib/distribution/terms/term.ts';
import { ProcessNetwork } from '../../../support/process-network.ts';

test('calls a function in a process of its own on another node', async (t) => {
  const network = new ProcessNetwork(['a@h', 'b@h', 'old@h']);
  t.teardown(() => network.stop());
  const [a, b] = [network.table('a@h'), network.table('b@h')];
  const exports = new Exports();
  exports.add('m', 'echo', 1, ([x]) => x!);
  exports.add('m', 'never', 0, () => new Promise(() => {}));
  const server = new ErpcServer({ processes: b, exports, telemetry: undefined });
  b.onSpawnRequest = (peer, request) => server.onSpawnRequest(peer, request);
  const call = (node: string, name: string, args: readonly number[], timeoutMs = 5000) =>
    erpcCall(a, node, { module: 'm', function: name, args }, { timeoutMs });

  t.equal(await call('b@h', 'echo', [5]), 5);
  const undef = await call('b@h', 'cmd', []).catch((error) => error);
  t.equal(undef.code, 'exit');
  t.match(undef.message, /m:cmd\/0 on b@h.*undef/);
  t.ok(isTuple(undef.context.exitReason, 4));
  await t.rejects(call('b@h', 'never', [], 5), { code: 'timeout' });
  await t.rejects(call('old@h', 'echo', [1]), {
    ...{ code: 'noproc', context: { exitReason: atom('notsup') } },
  });
  network.refuse('c@h');
  await t.rejects(call('c@h', 'echo', [1]), { code: 'noconnection' });
  await network.settle();
  t.equal(a.size, 0, 'nothing is left');
  t.equal(a.sizes.monitors, 0);
});
