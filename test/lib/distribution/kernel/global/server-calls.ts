import { test } from 'tap';
import {
  castMessage,
  parseCall,
  parseCast,
} from '../../../../../lib/distribution/gen-server/envelope.ts';
import { reply } from '../../../../../lib/distribution/gen-server/reply.ts';
import {
  encodeExchange,
  encodeInitConnect,
  encodeLockSet,
  encodeNewNodes,
  encodeResolved,
} from '../../../../../lib/distribution/kernel/global/messages/casts.ts';
import { encodeInitConnectAck } from '../../../../../lib/distribution/kernel/global/messages/infos.ts';
import type { Tag } from '../../../../../lib/distribution/kernel/global/messages/protocol.ts';
import {
  KNOWN_ANSWER_LIMIT_MS,
  STRANGER_ANSWER_LIMIT_MS,
  serverCalls,
} from '../../../../../lib/distribution/kernel/global/server-calls.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { isTuple, type Term } from '../../../../../lib/distribution/terms/term.ts';
import { GlobalMesh } from '../../../../support/global-mesh.ts';

const SERVER = 'global_name_server';
const NAME = atom('counter');
/** Longer than any pause of the locker and any of its limits. */
const LONG_MS = 400_000;

type Step = 'init_connect' | 'set_lock' | 'lock_set' | 'exchange' | 'resolved';
const STEPS: readonly Step[] = ['init_connect', 'set_lock', 'lock_set', 'exchange', 'resolved'];

/**
 * Puts half of a `global` in the place of a node's own: it takes part up to a step, answers every
 * offer anew, and then says nothing.
 */
function replaceByHalf(mesh: GlobalMesh, name: string, does: ReadonlySet<Step>): void {
  const { processes, global } = mesh.node(name);
  global.stop();
  const locker = processes.spawnServer({ onMessage: () => {} });
  let myTag = 1000;
  const server = processes.spawnServer({ name: SERVER, onMessage: (message) => receive(message) });
  const to = { name: SERVER, node: 'a@h' };
  const cast = (request: Term): void => server.send(to, castMessage(request));
  let tag: Tag = 0;
  function receive(message: Term): void {
    const call = parseCall(message);
    if (call !== undefined && does.has('set_lock'))
      reply(processes, call.from, atom('true'), server.pid);
    const request = parseCast(message);
    if (isTuple(request, 4, 'init_connect') && does.has('init_connect')) {
      myTag += 1;
      tag = (request.elements[1] as unknown as { elements: Tag[] }).elements[1]!;
      cast(encodeInitConnect(name, myTag, locker.pid));
      server.send(to, encodeInitConnectAck(name, tag, myTag));
    }
    if (isTuple(request, 5, 'lock_set') && does.has('lock_set')) {
      cast(encodeLockSet(locker.pid, true, [], tag));
      if (does.has('exchange')) cast(encodeExchange(name, [], tag));
      if (does.has('resolved')) cast(encodeResolved(name, [], [], [], tag));
    }
  }
}

for (let count = 0; count < STEPS.length; count += 1) {
  const does = new Set(STEPS.slice(0, count));
  const what = count === 0 ? 'says nothing at all' : `is silent after ${STEPS[count - 1]}`;
  test(`a node that ${what} does not stop our registrations, nor those of others`, async (t) => {
    const mesh = new GlobalMesh(['a@h', 'b@h']);
    t.teardown(() => mesh.stop());
    const [a, b] = [mesh.node('a@h'), mesh.node('b@h')];
    void mesh.connect('a@h', 'b@h');
    await mesh.settle();
    mesh.start('half@h');
    replaceByHalf(mesh, 'half@h', does);
    void mesh.connect('a@h', 'half@h');
    await mesh.clock.run(2000);
    const registered: string[] = [];
    for (const [node, name] of [
      [a, 'ours'],
      [b, 'theirs'],
    ] as const) {
      void node.global.registerName(atom(name), node.idle()).then(() => registered.push(name));
    }
    t.ok(await mesh.clock.run(60_000, () => registered.length === 2), registered.join());
    // Its next chances come ever more rarely, and end every time.
    let lockedMs = 0;
    for (let second = 0; second < LONG_MS / 1000; second += 1) {
      await mesh.clock.run(1000);
      if (a.global.locks().length > 0) lockedMs += 1000;
    }
    t.ok(lockedMs <= 0.4 * LONG_MS, `locked for ${lockedMs} ms`);
    t.ok(a.isConnected('half@h'), 'it stays connected');
  });
}

test('a member that falls silent is disconnected, and the change goes on without it', async (t) => {
  const mesh = new GlobalMesh(['a@h', 'b@h']);
  t.teardown(() => mesh.stop());
  const [a, b] = [mesh.node('a@h'), mesh.node('b@h')];
  mesh.start('half@h');
  replaceByHalf(mesh, 'half@h', new Set());
  void mesh.connect('a@h', 'b@h');
  await mesh.settle(20_000);
  // As when another node says that it has been let in.
  const lock = { resource: atom('global'), requester: atom('x') };
  const known = encodeNewNodes('b@h', [], [], [{ node: 'half@h', version: 8 }], 8, lock);
  b.processes
    .spawnServer({ onMessage: () => {} })
    .send({ name: SERVER, node: 'a@h' }, castMessage(known));
  await mesh.clock.run(1000);
  t.ok(a.global.synced('half@h'));
  let registered = false;
  void a.global.registerName(NAME, a.idle()).then(() => {
    registered = true;
  });
  await mesh.clock.run(KNOWN_ANSWER_LIMIT_MS - 5000);
  t.notOk(registered);
  t.ok(await mesh.clock.run(10_000, () => registered));
  t.same(a.global.knownNodes(), ['b@h']);
  t.same(b.global.whereisName(NAME)?.node, 'a@h');
});

test('tells replies, silence and absence apart', async (t) => {
  const mesh = new GlobalMesh(['a@h', 'b@h', 'gone@h', 'half@h']);
  t.teardown(() => mesh.stop());
  replaceByHalf(mesh, 'half@h', new Set());
  await mesh.kill('gone@h');
  const node = mesh.node('a@h');
  const as = node.processes.spawnServer({ onMessage: () => {} });
  const events: unknown[] = [];
  const call = serverCalls({
    node,
    client: node.client,
    isKnown: () => false,
    telemetry: undefined,
  });
  const done = call(as, ['b@h', 'gone@h', 'half@h'], atom('get_protocol_version')).then((result) =>
    events.push(result),
  );
  await mesh.clock.run(STRANGER_ANSWER_LIMIT_MS);
  await done;
  t.same(events, [{ replies: new Map([['b@h', 8]]), silent: ['half@h'] }]);
  t.ok(node.isConnected('half@h'));
  const late = call(as, ['b@h'], atom('info'));
  as.stop();
  await t.rejects(late, { name: 'ProcessExit' });
});
