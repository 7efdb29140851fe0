import { test } from 'tap';
import { Outbox } from '../../../../../lib/distribution/kernel/global/outbox.ts';
import { ProcessTable } from '../../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { tuple } from '../../../../../lib/distribution/terms/term.ts';
import { RecordingRemote } from '../../../../support/recording-remote.ts';

test('plain messages never dial, casts do', async (t) => {
  const remote = new RecordingRemote();
  const table = new ProcessTable({ node: 'a@h', creation: 1, remote });
  const [server, locker] = [1, 2].map(() => table.spawnServer({ onMessage: () => {} }));
  const outbox = new Outbox(server!);
  outbox.send('b@h', atom('plain'));
  outbox.cast('b@h', atom('request'));
  outbox.cast('b@h', atom('request'), locker);
  const [plain, cast, asLocker] = remote.take();
  t.match(plain, { connect: false, signal: { message: atom('plain'), from: server?.pid } });
  t.match(cast, { connect: true, signal: { to: atom('global_name_server') } });
  t.same(
    cast?.signal.type === 'send_name' && cast.signal.message,
    tuple(atom('$gen_cast'), atom('request')),
  );
  t.match(asLocker, { signal: { from: locker?.pid } });
});
