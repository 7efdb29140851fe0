import { test } from 'tap';
import { reply } from '../../../../lib/distribution/gen-server/reply.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { ImproperList, tuple } from '../../../../lib/distribution/terms/term.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

const pid = new Pid('b@x', 1, 0, 1);
const ref = new Reference('b@x', 1, [1, 0, 0]);

test('a reply goes through the alias or to the pid, and never dials', (t) => {
  const remote = new RecordingRemote();
  const processes = new ProcessTable({ node: 'a@x', creation: 1, remote });
  const tag = new ImproperList([atom('alias')], ref);
  const server = processes.spawnServer({ onMessage: () => {} });
  reply(processes, { pid, tag }, 1, server.pid);
  reply(processes, { pid, tag: ref }, 2);
  t.same(remote.take(), [
    {
      node: 'b@x',
      signal: { type: 'send_alias', from: server.pid, to: ref, message: tuple(tag, 1) },
      connect: false,
    },
    {
      node: 'b@x',
      signal: { type: 'send', from: processes.nobody, to: pid, message: tuple(ref, 2) },
      connect: false,
    },
  ]);
  t.end();
});
