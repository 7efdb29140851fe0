import { test } from 'tap';
import { ProcessExit } from '../../../../lib/distribution/process/process-exit.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';

test('carries the exit reason as a term, and a cause if there is one', (t) => {
  const cause = new Error('why');
  t.match(new ProcessExit(atom('noproc')), { name: 'ProcessExit', reason: { name: 'noproc' } });
  t.equal(new ProcessExit(atom('noproc'), 'text', cause).cause, cause);
  t.notOk('cause' in new ProcessExit(atom('noproc')));
  t.end();
});
