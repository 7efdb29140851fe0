import { test } from 'tap';
import { GenServerClient } from '../../../../lib/distribution/gen-server/client.ts';
import { startNetKernel } from '../../../../lib/distribution/kernel/net-kernel.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { tuple } from '../../../../lib/distribution/terms/term.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

test('answers a ping with yes and everything else with an error', async (t) => {
  const processes = new ProcessTable({ node: 'a@h', creation: 1, remote: new RecordingRemote() });
  const ignored: string[] = [];
  const server = startNetKernel(processes, (receiver) => ignored.push(receiver));
  const client = new GenServerClient({ processes });
  const ping = tuple(atom('is_auth'), atom('b@h'));
  t.same(await client.call(atom('net_kernel'), ping), atom('yes'));
  const error = tuple(atom('error'), atom('unknown_call'));
  t.same(await client.call(atom('net_kernel'), atom('x')), error);
  processes.send(server.pid, server.pid, atom('nonsense'));
  t.same(ignored, ['net_kernel', 'net_kernel']);
});
