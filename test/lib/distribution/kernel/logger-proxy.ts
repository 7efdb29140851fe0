import { test } from 'tap';
import { startLoggerProxy } from '../../../../lib/distribution/kernel/logger-proxy.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { ErlangMap } from '../../../../lib/distribution/terms/erlang-map.ts';
import { binary, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

test('log events of other nodes become telemetry', async (t) => {
  const processes = new ProcessTable({ node: 'a@h', creation: 1, remote: new RecordingRemote() });
  const telemetry = new Telemetry();
  const events: unknown[] = [];
  telemetry.attach('t', 'distribution.log', (_e, _m, { level, text }) =>
    events.push([level, text]),
  );
  const ignored: unknown[] = [];
  const proxy = startLoggerProxy(processes, telemetry, (_, message) => ignored.push(message));
  const meta = new ErlangMap([]);
  const log = atom('log');
  const send = (...elements: Term[]): void =>
    processes.send(proxy.pid, proxy.pid, tuple(...elements));
  send(log, atom('error'), binary('bad ~p'), [atom('x')], meta);
  send(log, atom('info'), binary('plain'), meta);
  send(log, atom('notice'), new ErlangMap([[atom('a'), 1]]), meta);
  send(log, 1, 2, 3);
  send(atom('other'));
  t.same(events, [
    ['error', 'bad x'],
    ['info', 'plain'],
    ['notice', '#{a => 1}'],
  ]);
  t.equal(ignored.length, 2);
});
