import { test } from 'tap';
import { Exports, errorReason } from '../../../../lib/distribution/kernel/exports.ts';
import { ProcessExit } from '../../../../lib/distribution/process/process-exit.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { binary, tuple } from '../../../../lib/distribution/terms/term.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

const table = new ProcessTable({ node: 'a@h', creation: 1, remote: new RecordingRemote() });
const self = table.spawnServer({ onMessage: () => {} });

test('calls what is exported, told apart by arity', async (t) => {
  const exports = new Exports();
  exports.add('m', 'f', 1, ([x]) => x!);
  exports.add('m', 'f', 2, async ([, y]) => y!);
  t.same(await exports.apply('m', 'f', [1], self), { type: 'return', value: 1 });
  t.same(await exports.apply('m', 'f', [1, 2], self), { type: 'return', value: 2 });
  t.ok(exports.has({ module: 'm', function: 'f', arity: 1 }));
  t.notOk(exports.has({ module: 'm', function: 'f', arity: 0 }));
});

test('everything else is undefined', async (t) => {
  const outcome = await new Exports().apply('os', 'cmd', [1], self);
  const stack = [tuple(atom('os'), atom('cmd'), [1], [])];
  t.same(outcome, { type: 'error', reason: atom('undef'), stack });
  t.same(outcome.type === 'error' && errorReason(outcome), tuple(atom('undef'), stack));
});

test('what a function throws is the outcome', async (t) => {
  const exports = new Exports();
  exports.add('m', 'exit', 0, () => {
    throw new ProcessExit(atom('because'));
  });
  exports.add('m', 'fail', 0, async () => {
    throw new TypeError('no');
  });
  t.same(await exports.apply('m', 'exit', [], self), { type: 'exit', reason: atom('because') });
  t.same(await exports.apply('m', 'fail', [], self), {
    type: 'error',
    reason: tuple(atom('js_error'), binary('TypeError: no')),
    stack: [],
  });
});
