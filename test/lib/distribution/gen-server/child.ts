import { test } from 'tap';
import {
  genServerChild,
  startGenServerChild,
} from '../../../../lib/distribution/gen-server/child.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { tuple } from '../../../../lib/distribution/terms/term.ts';
import type { Child } from '../../../../lib/supervisor/child.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

function table(): ProcessTable {
  return new ProcessTable({ node: 'a@x', creation: 1, remote: new RecordingRemote() });
}

test('a server is a child of a supervisor: shutdown runs terminate, kill does not', async (t) => {
  const log: string[] = [];
  const server = { terminate: (reason: unknown) => void log.push(String(reason)) };
  const child = await startGenServerChild(table(), server);
  if (child === 'ignore') throw new Error('expected a child');
  const asSupervisorSeesIt: Child = child;
  asSupervisorSeesIt.shutdown();
  t.same(await child.exited, { type: 'shutdown' });
  const other = await startGenServerChild(table(), server);
  if (other === 'ignore') throw new Error('expected a child');
  other.kill();
  t.same(await other.exited, { type: 'killed' });
  t.same(log, ['shutdown']);
});

test('ignore is passed on, and a failed start rejects', async (t) => {
  t.equal(await startGenServerChild(table(), { init: () => ({ ignore: true }) }), 'ignore');
  const failing = startGenServerChild(table(), { init: () => ({ stop: atom('no') }) });
  await t.rejects(failing, { name: 'ProcessExit', reason: { name: 'no' } });
});

test('exit reasons become what a supervisor knows', async (t) => {
  const processes = table();
  const exit = (reason: Parameters<ReturnType<typeof spawn>['stop']>[0]) => {
    const process = spawn();
    const { exited } = genServerChild(process);
    process.stop(reason);
    return exited;
  };
  const spawn = () => processes.spawnServer({ onMessage: () => {} });
  t.same(await exit(atom('normal')), { type: 'normal' });
  t.same(await exit(tuple(atom('shutdown'), 1)), { type: 'shutdown' });
  t.match(await exit(atom('oops')), { type: 'error', error: { reason: { name: 'oops' } } });
  const process = spawn();
  const error = new Error('thrown');
  process.crash(error);
  t.same(await genServerChild(process).exited, { type: 'error', error });
});
