import { test } from 'tap';
import { startKernel } from '../../../../lib/distribution/kernel/kernel.ts';
import type { ClusterNode } from '../../../../lib/distribution/node/cluster-node.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

/** A node without a network. */
function loneNode(): ClusterNode {
  const processes = new ProcessTable({
    node: 'a@h',
    creation: 1,
    remote: new RecordingRemote(),
  });
  return {
    name: 'a@h',
    creation: 1,
    processes,
    nodes: () => [],
    isConnected: () => false,
    connect: async () => false,
    disconnect: () => false,
    onNodeEvent: () => () => {},
  };
}

test('starts every server that peers expect, and leaves nothing behind', async (t) => {
  const node = loneNode();
  const kernel = startKernel(node);
  for (const name of ['global_name_server', 'net_kernel', 'rex', 'logger_proxy']) {
    t.ok(node.processes.whereis(name), name);
  }
  t.ok(node.processes.groupLeader);
  t.ok(node.processes.onSpawnRequest);
  kernel.stop();
  t.same(node.processes.sizes, { processes: 0, links: 0, monitors: 0, aliases: 0, names: 0 });
});

test('resolves global names in calls, and calls our own exported functions', async (t) => {
  const node = loneNode();
  const kernel = startKernel(node);
  t.teardown(() => kernel.stop());
  const server = node.processes.whereis('net_kernel')!;
  await kernel.global.registerName(atom('n'), server);
  const request = atom('nonsense');
  t.ok(await kernel.client.call({ global: atom('n') }, request));
  t.same(await kernel.rpc('a@h', 'erlang', 'node', []), atom('a@h'));
  kernel.export('my', 'double', 1, ([x]) => Number(x) * 2);
  t.equal(await kernel.rpc('a@h', 'my', 'double', [21]), 42);
  await t.rejects(kernel.rpc('a@h', 'os', 'cmd', []), { code: 'exit' });
});
