import { test } from 'tap';
import {
  downMessage,
  exitMessage,
  isDownMessage,
} from '../../../../lib/distribution/process/system-messages.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { tuple } from '../../../../lib/distribution/terms/term.ts';

const pid = new Pid('a@x', 1, 0, 1);
const ref = new Reference('a@x', 1, [1, 0, 0]);

test('exit and down messages have the shapes of Erlang', (t) => {
  t.same(exitMessage(pid, atom('normal')), tuple(atom('EXIT'), pid, atom('normal')));
  const monitor = { ref, watcher: pid, target: pid, node: 'b@x', watched: undefined };
  t.same(
    downMessage(monitor, atom('kaput')),
    tuple(atom('DOWN'), ref, atom('process'), pid, atom('kaput')),
  );
  t.same(
    downMessage({ ...monitor, target: atom('counter') }, atom('noproc')),
    tuple(atom('DOWN'), ref, atom('process'), tuple(atom('counter'), atom('b@x')), atom('noproc')),
  );
  t.end();
});

test('knows the down message of one monitor', (t) => {
  const monitor = { ref, watcher: pid, target: pid, node: 'b@x', watched: undefined };
  const message = downMessage(monitor, atom('kaput'));
  t.ok(isDownMessage(message, ref));
  t.notOk(isDownMessage(message, new Reference('a@x', 1, [2, 0, 0])));
  t.notOk(isDownMessage(tuple(atom('DOWN'), 1, 2, 3, 4), ref));
  t.notOk(isDownMessage(atom('DOWN'), ref));
  t.end();
});
