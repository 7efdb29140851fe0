import { test } from 'tap';
import { GenServerClient } from '../../../../lib/distribution/gen-server/client.ts';
import { Exports } from '../../../../lib/distribution/kernel/exports.ts';
import { startRex } from '../../../../lib/distribution/kernel/rex.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { isTuple, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

const REX = atom('rex');

function setUp() {
  const processes = new ProcessTable({ node: 'a@h', creation: 1, remote: new RecordingRemote() });
  const exports = new Exports();
  const received: Term[] = [];
  exports.add('m', 'echo', 1, ([x]) => x!);
  exports.add('m', 'note', 1, ([x]) => {
    received.push(x!);
    return 0;
  });
  const ignored: Term[] = [];
  startRex({ processes, exports, onIgnored: (_, message) => ignored.push(message) });
  const client = new GenServerClient({ processes });
  const asker = processes.spawnServer({ onMessage: (m) => void received.push(m) });
  return { processes, client, asker, received, ignored };
}

const request = (kind: string, name: string, args: Term): Term =>
  tuple(atom(kind), atom('m'), atom(name), args, atom('user'));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('calls exported functions, and tells of undefined ones as rpc does', async (t) => {
  const { client, ignored } = setUp();
  for (const kind of ['call', 'block_call']) {
    t.equal(await client.call(REX, request(kind, 'echo', [7])), 7);
    const undef = tuple(atom('undef'), [tuple(atom('m'), atom('gone'), [], [])]);
    t.same(
      await client.call(REX, request(kind, 'gone', [])),
      tuple(atom('badrpc'), tuple(atom('EXIT'), undef)),
    );
  }
  t.ok(isTuple(await client.call(REX, atom('nonsense')), 2, 'badrpc'));
  t.ok(isTuple(await client.call(REX, request('call', 'echo', atom('no_list'))), 2, 'badrpc'));
  t.equal(ignored.length, 2);
});

test('serves casts and the forms that are plain messages', async (t) => {
  const { processes, client, asker, received, ignored } = setUp();
  client.cast(REX, request('cast', 'note', [1]));
  await turn();
  t.same(received.splice(0), [1]);
  asker.send(REX, tuple(asker.pid, atom('features_request')));
  asker.send(REX, tuple(asker.pid, request('call', 'echo', [2])));
  await turn();
  t.same(received.splice(0), [
    tuple(atom('features_reply'), atom('a@h'), [atom('erpc')]),
    tuple(REX, 2),
  ]);
  const named = processes.spawnServer({ name: 'named', onMessage: (m) => void received.push(m) });
  asker.send(REX, tuple(asker.pid, tuple(atom('sbcast'), atom('named'), 3)));
  asker.send(REX, tuple(asker.pid, tuple(atom('sbcast'), atom('absent'), 4)));
  asker.send(REX, tuple(asker.pid, tuple(atom('send'), atom('named'), 5)));
  t.same(received, [
    3,
    tuple(REX, atom('a@h'), atom('a@h')),
    tuple(REX, atom('a@h'), tuple(atom('nonexisting_name'), atom('absent'))),
    5,
  ]);
  t.ok(named.isAlive);
  const unknown = [
    1,
    tuple(1, 2, 3),
    tuple(atom('x'), atom('named'), 6),
    tuple(atom('send'), 1, 2),
  ];
  received.length = 0;
  for (const request of unknown) asker.send(REX, tuple(asker.pid, request));
  asker.send(REX, atom('x'));
  client.cast(REX, atom('x'));
  t.equal(ignored.length, unknown.length + 2);
  t.same(received, [], 'and nothing of it reaches anybody');
});
