import { test } from 'tap';
import { startGroupLeader } from '../../../../lib/distribution/kernel/group-leader.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { binary, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

const codes = (text: string): Term => [...text].map((c) => c.codePointAt(0)!);
const ENOTSUP = tuple(atom('error'), atom('enotsup'));
const REQUEST = tuple(atom('error'), atom('request'));

test('every io request is answered; output becomes an event', async (t) => {
  const processes = new ProcessTable({ node: 'a@h', creation: 1, remote: new RecordingRemote() });
  const telemetry = new Telemetry();
  const texts: unknown[] = [];
  telemetry.attach('t', 'distribution.io', (_e, _m, { text }) => texts.push(text));
  const ignored: Term[] = [];
  const leader = startGroupLeader(processes, telemetry, (_, message) => ignored.push(message));
  const answers: Term[] = [];
  const asker = processes.spawnServer({ onMessage: (m) => void answers.push(m) });
  t.equal(asker.groupLeader, leader.pid);
  const ask = (request: Term): Term => {
    asker.send(leader.pid, tuple(atom('io_request'), asker.pid, 5, request));
    return answers.pop()!;
  };
  const is = (request: Term, answer: Term): void =>
    void t.same(ask(request), tuple(atom('io_reply'), 5, answer));
  const put = atom('put_chars');
  const unicode = atom('unicode');
  is(tuple(put, unicode, codes('hé\n')), atom('ok'));
  is(tuple(put, [codes('a'), [binary('ü')]]), atom('ok'));
  is(
    tuple(put, unicode, atom('io_lib'), atom('format'), [
      codes('~p: ~s~n'),
      [atom('x'), codes('y')],
    ]),
    atom('ok'),
  );
  is(tuple(atom('requests'), [tuple(put, codes('1')), tuple(put, codes('2'))]), atom('ok'));
  is(tuple(atom('requests'), [tuple(put, atom('no')), tuple(put, codes('3'))]), REQUEST);
  is(tuple(put, unicode, atom('os'), atom('cmd'), [1]), REQUEST);
  is(tuple(atom('get_line'), unicode, codes('> ')), ENOTSUP);
  is(tuple(atom('get_geometry'), atom('columns')), ENOTSUP);
  is(tuple(atom('setopts'), []), atom('ok'));
  is(atom('getopts'), []);
  is(atom('nonsense'), ENOTSUP);
  t.same(texts, ['hé\n', 'aü', 'x: y\n', '1', '2']);
  asker.send(leader.pid, atom('nonsense'));
  t.equal(ignored.length, 1);
});
