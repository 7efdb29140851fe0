import { test } from 'tap';
import { Aliases, type AliasMode } from '../../../../lib/distribution/process/aliases.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';

const pid = new Pid('a@x', 1, 0, 1);
const ref = (n: number): Reference => new Reference('a@x', 1, [n, 0, 0]);

test('an alias is active until it is removed', (t) => {
  const aliases = new Aliases();
  aliases.add(ref(1), pid, 'explicit_unalias');
  t.match(aliases.find(ref(1)), { pid, mode: 'explicit_unalias' });
  t.equal(aliases.remove(ref(1)), true);
  t.equal(aliases.remove(ref(1)), false);
  t.equal(aliases.size, 0);
  t.end();
});

test('the end of a monitor ends the aliases that depend on it', (t) => {
  const aliases = new Aliases();
  const modes: AliasMode[] = ['explicit_unalias', 'reply', 'demonitor', 'reply_demonitor'];
  for (const [n, mode] of modes.entries()) aliases.add(ref(n), pid, mode);
  for (const n of modes.keys()) aliases.monitorEnded(ref(n));
  t.same(
    modes.map((_, n) => aliases.find(ref(n)) !== undefined),
    [true, true, false, false],
  );
  t.end();
});

test('the end of a process ends its aliases', (t) => {
  const aliases = new Aliases();
  const other = new Pid('a@x', 2, 0, 1);
  aliases.add(ref(1), pid, 'reply');
  aliases.add(ref(2), pid, 'demonitor');
  aliases.add(ref(3), other, 'demonitor');
  aliases.removeAll(pid);
  t.equal(aliases.size, 1);
  t.end();
});
