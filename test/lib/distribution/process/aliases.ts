import { test } from 'tap';
import { Aliases, type AliasMode } from '../../../../lib/distribution/process/aliases.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { collector, idle, processTable } from '../../../support/process-table.ts';

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

test('messages through an alias arrive until it is removed or used up', (t) => {
  const { processes } = processTable();
  const sender = processes.spawnServer(idle);
  const { process, messages } = collector(processes);
  const lasting = process.alias();
  const once = process.alias({ mode: 'reply' });
  for (const message of [1, 2]) sender.send(lasting, message);
  for (const message of [3, 4]) sender.send(once, message);
  t.equal(process.unalias(lasting), true);
  sender.send(lasting, 5);
  t.same(messages, [1, 2, 3]);
  t.equal(process.unalias(once), false);
  t.end();
});

test('the alias of a monitor ends with it, by demonitor, by down, and by a reply if so chosen', (t) => {
  const { processes } = processTable();
  const sender = processes.spawnServer(idle);
  const watched = processes.spawnServer(idle);
  const { process, messages } = collector(processes);
  const demonitored = process.monitor(watched.pid, { alias: true });
  sender.send(demonitored, 1);
  process.demonitor(demonitored);
  sender.send(demonitored, 2);
  const replied = process.monitor(watched.pid, { alias: 'reply_demonitor' });
  sender.send(replied, 3);
  sender.send(replied, 4);
  t.equal(processes.sizes.monitors, 0);
  process.monitor(watched.pid, { alias: true });
  const kept = process.monitor(watched.pid, { alias: 'explicit_unalias' });
  watched.stop();
  t.equal(processes.sizes.aliases, 1);
  sender.send(kept, 5);
  t.equal(messages.length, 5);
  t.same(
    messages.filter((m) => typeof m === 'number'),
    [1, 3, 5],
  );
  t.end();
});
