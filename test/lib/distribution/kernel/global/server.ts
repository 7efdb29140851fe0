import { test } from 'tap';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { ErlangMap } from '../../../../../lib/distribution/terms/erlang-map.ts';
import { type Term, tuple } from '../../../../../lib/distribution/terms/term.ts';
import { GlobalMesh, type MeshNode } from '../../../../support/global-mesh.ts';

const SERVER = { name: 'global_name_server', node: 'a@h' };
const NAME = atom('x');

/** One node, asked from a process on the same node; answers come without time passing. */
async function withNode(body: (node: MeshNode, call: (r: Term) => Promise<Term>) => Promise<void>) {
  const mesh = new GlobalMesh(['a@h']);
  const node = mesh.node('a@h');
  try {
    await body(node, (request) => node.client.call(SERVER, request));
  } finally {
    await mesh.stop();
  }
}

test('answers every call, also those it does not know', async (t) => {
  await withNode(async (_node, call) => {
    t.equal(await call(atom('get_protocol_version')), 8);
    t.same(await call(atom('get_known')), []);
    t.same(await call(atom('get_synced')), []);
    t.same(await call(atom('get_names_ext')), []);
    t.ok(await call(atom('info')));
    for (const unknown of [atom('nonsense'), 5, tuple(atom('set_lock')), tuple(atom('sync'), [])]) {
      t.same(await call(unknown), tuple(atom('error'), atom('unknown_call')));
    }
  });
});

test('serves locks on any resource, and drops them with their holder', async (t) => {
  await withNode(async (node, call) => {
    const holder = node.processes.spawnServer({ onMessage: () => {} });
    const lock = tuple(atom('resource'), atom('me'));
    const as = (request: Term): Promise<Term> => node.client.call(SERVER, request, { as: holder });
    t.same(await as(tuple(atom('set_lock'), lock)), atom('true'));
    const other = tuple(atom('set_lock'), tuple(atom('resource'), atom('you')));
    t.same(await call(other), atom('false'));
    t.same(
      await call(tuple(atom('del_lock'), lock)),
      atom('true'),
      'of another process: no effect',
    );
    t.equal(node.global.locks().length, 1);
    holder.stop();
    t.same(node.global.locks(), []);
    t.same(await call(other), atom('true'));
  });
});

test('registers for whoever asks when nobody holds the lock', async (t) => {
  await withNode(async (node, call) => {
    const pid = node.idle();
    t.same(await call(tuple(atom('register'), NAME, pid, atom('m'))), atom('yes'));
    t.equal(node.global.whereisName(NAME), pid);
    t.same(await call(tuple(atom('unregister'), NAME)), atom('ok'));
    const external = tuple(atom('register_ext'), NAME, pid, atom('m'), atom('a@h'));
    t.same(await call(external), atom('yes'));
    t.same(await call(atom('get_names_ext')), [tuple(NAME, pid, atom('a@h'))]);
  });
});

test('answers the look-up of a C node when no change of names is under way', async (t) => {
  await withNode(async (node, call) => {
    const pid = node.idle();
    await node.global.registerName(NAME, pid);
    const received: Term[] = [];
    const asker = node.processes.spawnServer({ onMessage: (m) => void received.push(m) });
    const ask = (): void =>
      asker.send(SERVER, tuple(atom('whereis'), NAME, tuple(asker.pid, atom('tag'))));
    ask();
    t.same(received, [tuple(atom('tag'), pid)]);
    const lock = tuple(atom('global'), atom('somebody'));
    await call(tuple(atom('set_lock'), lock));
    ask();
    t.equal(received.length, 1, 'waits for the lock to be free');
    await call(tuple(atom('del_lock'), lock));
    t.equal(received.length, 2);
  });
});

test('survives messages of every kind that make no sense', async (t) => {
  await withNode(async (node) => {
    const sender = node.processes.spawnServer({ onMessage: () => {} });
    const cast = (request: Term): Term => tuple(atom('$gen_cast'), request);
    for (const message of [
      atom('nonsense'),
      [],
      tuple(atom('DOWN'), 1, atom('process'), 2, 3),
      tuple(atom('$gen_call'), 1, 2),
      tuple(atom('EXIT'), sender.pid, atom('kill')),
      tuple(atom('system'), tuple(sender.pid, 1), atom('get_state')),
      tuple(atom('whereis'), NAME, atom('nobody')),
      cast(atom('nonsense')),
      cast(tuple(atom('async_del_name'), 1, 2)),
      cast(tuple(atom('init_connect'), tuple(3, 1), atom('z@h'), tuple())),
      cast(tuple(atom('exchange'), atom('z@h'), [new ErlangMap([])], [], 1)),
      cast(tuple(atom('in_sync'), atom('z@h'), atom('true'))),
      cast(tuple(atom('lock_set'), sender.pid, atom('true'), [], 5)),
      tuple(atom('init_connect_ack'), atom('z@h'), 1, 2),
      tuple(atom('cancel_connect'), atom('z@h'), 2),
      tuple(atom('remove_connection'), atom('z@h')),
      tuple(atom('lost_connection'), atom('y@h'), 1, 2, atom('z@h')),
    ]) {
      sender.send(SERVER, message);
    }
    t.equal(await node.global.registerName(NAME, node.idle()), true);
  });
});

test('the end of one of its processes is the end of global, which its owner sees', async (t) => {
  await withNode(async (node) => {
    const ended = node.global.exited;
    const server = node.processes.whereis('global_name_server');
    node.processes.spawnServer({ onMessage: () => {} }).exit(server!, atom('kill'));
    t.same(await ended, atom('killed'));
    t.throws(() => node.global.registerName(NAME, node.idle()), { code: 'distribution_off' });
    t.same(node.global.registeredNames(), []);
    node.global.start();
    t.equal(await node.global.registerName(NAME, node.idle()), true, 'it can be started again');
  });
});
