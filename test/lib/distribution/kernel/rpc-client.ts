import { test } from 'tap';
import { GenServerClient } from '../../../../lib/distribution/gen-server/client.ts';
import { Exports } from '../../../../lib/distribution/kernel/exports.ts';
import { startRex } from '../../../../lib/distribution/kernel/rex.ts';
import { rpcCall } from '../../../../lib/distribution/kernel/rpc-client.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { isTuple } from '../../../../lib/distribution/terms/term.ts';
import { ProcessNetwork } from '../../../support/process-network.ts';

test('calls a function on another node', async (t) => {
  const network = new ProcessNetwork(['a@h', 'b@h']);
  t.teardown(() => network.stop());
  const exports = new Exports();
  exports.add('m', 'echo', 1, ([x]) => x!);
  exports.add('m', 'never', 0, () => new Promise(() => {}));
  startRex({ processes: network.table('b@h'), exports, onIgnored: () => {} });
  const client = new GenServerClient({ processes: network.table('a@h') });
  t.equal(await rpcCall(client, 'b@h', 'm', 'echo', [5]), 5);
  const undef = await rpcCall(client, 'b@h', 'os', 'cmd', []).catch((error) => error);
  t.equal(undef.code, 'exit');
  t.match(undef.message, /os:cmd\/0 on b@h.*undef/);
  t.ok(isTuple(undef.context.exitReason, 2, 'EXIT'));
  await t.rejects(rpcCall(client, 'b@h', 'm', 'never', [], { timeoutMs: 5 }), { code: 'timeout' });
  network.refuse('c@h');
  await t.rejects(rpcCall(client, 'c@h', 'm', 'echo', [atom('x')]), { code: 'noconnection' });
});
