/**
 * Nodes that are not at hand, played by hand after captures of OTP 25, 27 and 29: what `global` says
 * and expects from the handshake to the release of the last lock, forms of tags, references and
 * numbers that OTP 25 never shows, and nodes that know less than any OTP release.
 */
import { test } from 'tap';
import { type DistributedNode, startNode } from '../../lib/distribution/start-node.ts';
import { atom } from '../../lib/distribution/terms/atom.ts';
import { inspectTerm } from '../../lib/distribution/terms/inspect.ts';
import { freePort } from '../support/free-ports.ts';
import { type Etf, elementsOf, etf, ScriptedPeer, t as tuple } from '../support/scripted-peer.ts';
import { until } from '../support/until.ts';

const GNS = 'global_name_server';
const COOKIE = 'secret';
const NODE = 'm@127.0.0.1';

interface Release {
  readonly flags: bigint;
  /** the function behind `global:register_name/2` */
  readonly uniq: number;
  /** words of its aliases */
  readonly words: number;
  /** the tag of its calls to `global` */
  readonly tag: 'multi_call' | 'pair';
}

const RELEASES: Readonly<Record<string, Release>> = {
  'OTP 25': { flags: 0xd07df7fbdn, uniq: 112854349, words: 3, tag: 'pair' },
  'OTP 27': { flags: 0xd07df7fbdn, uniq: 97255194, words: 5, tag: 'multi_call' },
  'OTP 29': { flags: 0x6d07df7fbdn, uniq: 27497035, words: 5, tag: 'multi_call' },
  // All flags of OTP 25 in one, and what later releases demand; nothing else but to be visible.
  'a node of another language': { flags: 0x406000001n, uniq: 1, words: 1, tag: 'pair' },
  'a node with fragments and no atom cache': {
    ...{ flags: 0xd07df7fbdn & ~0x2000n, uniq: 97255194, words: 5, tag: 'multi_call' },
  },
};

interface Teardown {
  teardown(fn: () => unknown): void;
}

async function start(t: Teardown): Promise<DistributedNode> {
  const node = await startNode({ name: NODE, cookie: COOKIE, epmdPort: await freePort() });
  t.teardown(() => node.stop());
  return node;
}

async function dial(t: Teardown, node: DistributedNode, name: string, flags: bigint) {
  const peer = await ScriptedPeer.dial(node.local.tcpPort, { name, cookie: COOKIE, flags });
  t.teardown(() => peer.end());
  return peer;
}

/** `#Fun<global.0.…/3>`, as `global:register_name/2` sends it. */
function defaultMethod(peer: ScriptedPeer, uniq: number): Etf {
  const parts = Buffer.concat([
    Buffer.from('03', 'hex'),
    Buffer.alloc(16, 0xab),
    Buffer.alloc(8),
    ...(['global', 0, uniq, peer.pid(55)] as const).map(etf),
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(parts.length + 4);
  return { hex: Buffer.concat([Buffer.from([112]), size, parts]).toString('hex') };
}

/** How a release calls a server of ours and takes the answer. */
function caller(peer: ScriptedPeer, release: Release) {
  let count = 0;
  return async (from: Etf, request: Etf, answer: Etf): Promise<void> => {
    count += 1;
    const words = (first: number): number[] =>
      [first, 0xffffffff, 3, 4294967295, 5].slice(0, release.words);
    const monitor = peer.ref(...words(2 * count));
    const alias = peer.ref(...words(2 * count + 1));
    const tag: Etf =
      release.tag === 'pair'
        ? tuple(monitor, peer.name)
        : { improper: [[{ improper: [['alias'], alias] }], monitor] };
    if ((release.flags & 8n) !== 0n) peer.send([19, from, GNS, monitor]);
    peer.send([6, from, '', GNS], tuple('$gen_call', tuple(from, tag), request));
    const { control } = await peer.payload(tuple(tag, answer));
    const expected = release.tag === 'pair' ? from : alias;
    if (JSON.stringify(control.at(-1)) !== JSON.stringify(expected)) {
      throw new Error(`the answer went to ${JSON.stringify(control)}`);
    }
    if ((release.flags & 8n) !== 0n) peer.send([20, from, GNS, monitor]);
  };
}

interface Meeting {
  readonly afterExchange?: (ourNames: Etf) => Promise<void> | void;
  /** the other nodes of the peer's partition */
  readonly known?: readonly Etf[];
  /** of the protocol, and what follows the tag */
  readonly version?: readonly Etf[];
}

/**
 * The captured sequence of two nodes that meet (7.13, T1 to T3), with both lockers active.
 *
 * @returns the pids of our node's server and locker
 */
async function synchronise(
  peer: ScriptedPeer,
  release: Release,
  names: readonly Etf[],
  { afterExchange, known = [], version = [8] }: Meeting = {},
): Promise<{ server: Etf; locker: Etf; node: Etf }> {
  const [gns, locker] = [peer.pid(60), peer.pid(4294967295, 4294967295)];
  const hisTag = -576460752303423487n;
  const first = await peer.expect('the first message', () => true);
  const server = first.control[1]!;
  const offer = elementsOf(elementsOf(first.payload)[1]);
  const [, versionAndTag, node, init] = offer;
  const [ourVersion, ourTag] = elementsOf(versionAndTag);
  if (ourVersion !== 8 || node !== NODE) throw new Error(`the offer was ${JSON.stringify(offer)}`);
  const ourLocker = elementsOf(init)[3]!;

  const connections: Etf = { map: [[tuple('connection_id', NODE), 4455]] };
  const offered = tuple('locker', 'no_longer_a_pid', connections, locker);
  peer.cast(
    gns,
    GNS,
    tuple('init_connect', tuple(version[0]!, hisTag, ...version.slice(1)), peer.name, offered),
  );
  const isOld = version[0] === 7;
  if (!isOld) {
    peer.send([6, gns, '', GNS], tuple('init_connect_ack', peer.name, ourTag!, hisTag));
    await peer.payload(tuple('init_connect_ack', NODE, hisTag, ourTag!));
  }

  // Both sides ask for the same lock.
  const theirs = await peer.call('set_lock');
  const lock = tuple('global', [ourLocker, locker]);
  const asked = theirs.request[1]!;
  if (!etf(asked).equals(etf(lock))) throw new Error('the lock ids differ');
  await caller(peer, release)(locker, tuple('set_lock', lock), 'true');
  // Whether our alias may be used or not, the pid always may.
  peer.send([2, '', theirs.from], tuple(theirs.tag, 'true'));
  peer.cast(locker, GNS, tuple('lock_set', locker, 'true', [], ...(isOld ? [] : [ourTag!])));
  const set = await peer.castTo(GNS, 'lock_set');
  if (set[2] !== 'true' || set[4] !== (isOld ? undefined : hisTag))
    throw new Error('our locker did not lock');

  peer.cast(gns, GNS, tuple('exchange', peer.name, names, [], ourTag!));
  const exchange = await peer.castTo(GNS, 'exchange');
  if (exchange[4] !== hisTag) throw new Error('our exchange has another tag');
  await afterExchange?.(exchange[2]!);
  const resolved = await peer.castTo(GNS, 'resolved');
  if (resolved[6] !== hisTag) throw new Error('our resolution has another tag');
  peer.cast(gns, GNS, tuple('resolved', peer.name, [], known, 'unused', [], ourTag!));
  const release_ = await peer.call('del_lock');
  peer.send([2, '', release_.from], tuple(release_.tag, 'true'));
  await caller(peer, release)(locker, tuple('del_lock', lock), 'true');
  return { server, locker: ourLocker, node: resolved[2]! };
}

const showName = (node: DistributedNode, name: string): string =>
  inspectTerm(node.global.whereisName(atom(name)) ?? atom('none'));

for (const [what, release] of Object.entries(RELEASES)) {
  test(`${what}: names meet, change under the lock, and end with their processes`, async (t) => {
    const node = await start(t);
    const ours = node.local.processes.spawnServer({ onMessage: () => {} });
    await node.global.registerName(atom('ours'), ours.pid);
    const peer = await dial(t, node, 'z@127.0.0.1', release.flags);
    t.equal(peer.node.flags, 0xd07df7fbdn, 'we offer what OTP 25 and 27 offer');
    const owner = peer.pid(90, 7);
    const method = defaultMethod(peer, release.uniq);
    let given: Etf = [];
    const { server } = await synchronise(peer, release, [tuple('theirs', owner, method)], {
      afterExchange: (names) => {
        given = names;
      },
    });
    const { id, serial, creation } = ours.pid;
    const random: Etf = { fun: ['global', 'random_exit_name', 3] };
    const entry = tuple('ours', { pid: [NODE, id, serial, creation] }, random);
    t.strictSame(given, [entry], 'our names are told');
    t.equal(showName(node, 'theirs'), '<z@127.0.0.1.90.7>');
    t.strictSame(node.global.knownNodes(), ['z@127.0.0.1']);
    t.strictSame(node.global.locks(), [], 'no lock is left');

    // T4: the lock is asked for twice, the holder is the caller of `register`.
    const call = caller(peer, release);
    const registrar = peer.pid(62);
    const lock = tuple('global', registrar);
    await call(registrar, tuple('set_lock', lock), 'true');
    await call(registrar, tuple('set_lock', lock), 'true');
    await call(peer.pid(63), tuple('set_lock', tuple('global', peer.pid(63))), 'false');
    await call(registrar, tuple('register', 'live', peer.pid(91), method), 'yes');
    await call(registrar, tuple('del_lock', lock), 'true');
    t.equal(showName(node, 'live'), '<z@127.0.0.1.91.0>');
    await call(registrar, tuple('unregister', 'live'), 'ok');
    t.equal(showName(node, 'live'), 'none');
    await call(registrar, 'get_protocol_version', 8);
    await call(registrar, tuple('what', 'is', 'this'), tuple('error', 'unknown_call'));

    // T5: the owner ends. Who cannot be monitored takes its names along with its connection.
    if ((release.flags & 8n) !== 0n) {
      const { control } = await peer.expect(
        'the monitor of the owner',
        (message) => message.control[0] === 19 && etf(message.control[2]!).equals(etf(owner)),
      );
      t.strictSame(control[1], server, 'watched by our server');
      peer.send([28, owner, server, control[3]!], 'normal');
    } else {
      t.notOk(peer.inbox.some(({ control }) => [19, 20, 28].includes(control[0] as number)));
      peer.end();
    }
    await until(() => showName(node, 'theirs') === 'none', { what: 'the name to end' });
  });
}

test('T3: our process yields or stays, as the smaller node decides', async (t) => {
  const release = RELEASES['OTP 29']!;
  for (const peerName of ['z@127.0.0.1', 'a@127.0.0.1']) {
    const node = await start(t);
    const ours = node.local.processes.spawnServer({ onMessage: () => {} });
    await node.global.registerName(atom('dup'), ours.pid);
    const peer = await dial(t, node, peerName, release.flags);
    const theirs = peer.pid(90);
    const method = defaultMethod(peer, release.uniq);
    const { node: forPeer } = await synchronise(peer, release, [tuple('dup', theirs, method)]);
    const { id, serial, creation } = ours.pid;
    const pid: Etf = { pid: [NODE, id, serial, creation] };
    if (peerName > NODE) {
      const kill = await peer.operation(26);
      t.strictSame([kill.control[2], kill.payload], [theirs, 'kill']);
      const random: Etf = { fun: ['global', 'random_exit_name', 3] };
      t.strictSame(forPeer, [tuple('insert', tuple('dup', pid, random))]);
    } else {
      t.strictSame(forPeer, [], 'the peer decides');
      peer.send([26, theirs, pid], 'kill');
      t.equal(inspectTerm(await ours.exited), 'killed');
    }
    peer.end();
  }
});

test('T3: a conflict over our process is settled here for a third node', async (t) => {
  const node = await start(t);
  const ours = node.local.processes.spawnServer({ onMessage: () => {} });
  const release = RELEASES['OTP 27']!;
  const peer = await dial(t, node, 'a@127.0.0.1', release.flags);
  await synchronise(peer, release, []);
  const { id, serial, creation } = ours.pid;
  const pid: Etf = { pid: [NODE, id, serial, creation] };
  const theirs: Etf = { pid: ['d@127.0.0.1', 90, 0, 5] };
  const [request, result] = [peer.ref(1, 2, 3, 4, 5), peer.ref(9, 8, 7)];
  const [asking, leader] = [peer.pid(61), peer.pid(40)];
  const args = ['global', 'resolve_it', [defaultMethod(peer, 97255194), 'dup', theirs, pid]];
  peer.send(
    [29, request, asking, leader, tuple('erpc', 'execute_call', 4), ['monitor']],
    [result, ...args],
  );
  const reply = await peer.operation(31);
  t.strictSame(reply.control.slice(1, 4), [request, asking, 2]);
  const { control } = await peer.payload(tuple(result, 'return', theirs));
  t.strictSame(control, [28, reply.control[4], asking, request]);
  t.equal(inspectTerm(await ours.exited), 'killed', 'd is smaller than m');
});

test('a third node is asked by a request to spawn, and without a server of its own', async (t) => {
  const node = await start(t);
  const release = RELEASES['OTP 29']!;
  const owner = await dial(t, node, 'o@127.0.0.1', release.flags);
  const method = defaultMethod(owner, release.uniq);
  await synchronise(owner, release, [tuple('dup', owner.pid(90), method)]);
  const peer = await dial(t, node, 'z@127.0.0.1', release.flags);
  const theirs = peer.pid(90);
  // The locker of z locks o through us.
  void owner
    .call('set_lock')
    .then(({ from, tag }) => owner.send([2, '', from], tuple(tag, 'true')));
  const { node: forPeer } = await synchronise(peer, release, [tuple('dup', theirs, 'm')], {
    afterExchange: async () => {
      const asked = await owner.operation(29);
      t.strictSame(asked.control[4], tuple('erpc', 'execute_call', 4));
      const [result, ...call] = asked.payload as readonly Etf[];
      t.strictSame(call, ['global', 'resolve_it', [method, 'dup', theirs, owner.pid(90)]]);
      const [, request, asking] = asked.control;
      owner.send([31, request!, asking!, 2, owner.pid(95)]);
      owner.send([28, owner.pid(95), asking!, request!], tuple(result!, 'return', owner.pid(90)));
      void owner
        .call('del_lock')
        .then(({ from, tag }) => owner.send([2, '', from], tuple(tag, 'true')));
    },
  });
  t.strictSame(forPeer, [tuple('insert', tuple('dup', owner.pid(90), method))]);
  const told = await owner.castTo(GNS, 'new_nodes');
  t.strictSame(told[4], [tuple('z@127.0.0.1', 8)]);
});

test('other versions of the protocol: 7, and what may follow 8', async (t) => {
  for (const version of [[7], [9], [9, 'and', 'more']] as const) {
    const node = await start(t);
    const release = RELEASES['OTP 27']!;
    const peer = await dial(t, node, 'z@127.0.0.1', release.flags);
    const entry = tuple('theirs', peer.pid(90), defaultMethod(peer, release.uniq));
    await synchronise(peer, release, [entry], { version });
    t.equal(showName(node, 'theirs'), '<z@127.0.0.1.90.0>', `version ${version}`);
    t.strictSame(node.global.locks(), []);
    const acknowledged = peer.inbox.some(
      ({ payload }) => elementsOf(payload)[0] === 'init_connect_ack',
    );
    t.notOk(acknowledged, 'version 7 knows no acknowledgement');
    peer.end();
  }
});

test('T6, T7: nodes learnt second-hand are told, and accusations are obeyed', async (t) => {
  const node = await start(t);
  const release = RELEASES['OTP 29']!;
  const b = await dial(t, node, 'b@127.0.0.1', release.flags);
  const a = await dial(t, node, 'a@127.0.0.1', release.flags);
  await b.castTo(GNS, 'init_connect');
  await synchronise(a, release, [], { known: [tuple('b@127.0.0.1', 8)] });
  t.strictSame(await b.castTo(GNS, 'in_sync'), ['in_sync', NODE, 'true']);
  t.strictSame(node.global.knownNodes().sort(), ['a@127.0.0.1', 'b@127.0.0.1']);

  // c joins through a, under the lock that a's locker takes here.
  const c = await dial(t, node, 'c@127.0.0.1', release.flags);
  const [locker, cLocker] = [a.pid(4294967295, 4294967295), c.pid(61)];
  const lock = tuple('global', [cLocker, locker]);
  const call = caller(a, release);
  await call(locker, tuple('set_lock', lock), 'true');
  const inserted = tuple('insert', tuple('nc', c.pid(90), defaultMethod(c, release.uniq)));
  const extra = [tuple('vsn', 8), tuple('lock', lock)];
  const added = [tuple('c@127.0.0.1', 8)];
  a.cast(locker, GNS, tuple('new_nodes', a.name, [inserted], [], added, extra));
  await call(locker, tuple('del_lock', lock), 'true');
  t.equal(showName(node, 'nc'), '<c@127.0.0.1.90.0>');
  t.strictSame(await c.castTo(GNS, 'in_sync'), ['in_sync', NODE, 'true']);
  t.strictSame(node.global.locks(), []);

  // a has lost c: who is left passes it on once, and asks c to go.
  const lost = tuple('lost_connection', a.name, 2n ** 58n + 7n, 1, c.name);
  for (let times = 0; times < 2; times += 1) a.send([6, a.pid(60), '', GNS], lost);
  await b.payload(lost);
  await c.payload(tuple('remove_connection', NODE));
  t.strictSame(node.global.knownNodes().sort(), ['a@127.0.0.1', 'b@127.0.0.1']);
  t.equal(showName(node, 'nc'), '<c@127.0.0.1.90.0>', 'until c closes the connection');
  c.end();
  await until(() => showName(node, 'nc') === 'none', { what: 'the name of c to end' });
  b.send([6, b.pid(60), '', GNS], tuple('remove_connection', b.name));
  await b.closed();
  t.strictSame(node.local.nodes(), ['a@127.0.0.1']);
  t.notOk(
    b.inbox.some(({ payload }) => elementsOf(payload)[0] === 'lost_connection'),
    'once',
  );
  await call(a.pid(60), 'get_known', ['a@127.0.0.1']);
});

test('what nobody here knows is dropped, and the connection stays', async (t) => {
  const node = await start(t);
  const release = RELEASES['OTP 29']!;
  const peer = await dial(t, node, 'z@127.0.0.1', release.flags);
  await synchronise(peer, release, []);
  const me = peer.pid(50);
  peer.send([6, me, '', 'pg'], tuple('discover', me, 1));
  peer.send([6, me, '', GNS], tuple('discover', me, 1));
  peer.cast(me, GNS, tuple('local_data', me, 1, { map: [] }));
  peer.send([6, me, [1, 2], 'nobody'], 'hello');
  peer.send([22, me, { pid: [NODE, 4294967295, 4294967295, 4294967295] }], 'dead');
  peer.send([33, me, { ref: [NODE, 1, 1, 2, 3, 4, 5] }], 'no such alias');
  peer.send([28, 'nobody', { pid: [NODE, 1, 0, 1] }, peer.ref(1)], 'unasked');
  peer.send([36, 5, me, { pid: [NODE, 1, 0, 1] }], undefined, 'ffff');
  const watched = peer.ref(1, 2, 3, 4, 5);
  peer.send([19, me, 'nobody', watched], undefined, '00');
  const down = await peer.payload('noproc');
  t.strictSame(down.control, [28, 'nobody', me, watched]);
  peer.send([6, me, '', 'rex'], tuple(me, 'features_request'));
  await peer.payload(tuple('features_reply', NODE, ['erpc']));
  t.notOk(peer.isClosed);

  peer.send([41, me]);
  await peer.closed();
  t.strictSame(node.local.nodes(), [], 'an operation of nobody ends the connection');
});

test('hidden nodes are left alone, and served', async (t) => {
  const node = await start(t);
  const peer = await dial(t, node, 'c17@127.0.0.1', 0xd07df7fbcn & ~0x802000n);
  const me = peer.pid(1);
  peer.send(
    [6, me, '', 'net_kernel'],
    tuple('$gen_call', tuple(me, peer.ref(1)), tuple('is_auth', 'c17@127.0.0.1')),
  );
  await peer.payload(tuple(peer.ref(1), 'yes'));
  t.strictSame(peer.inbox, [], 'not a word of global');
  t.strictSame([node.local.nodes(), node.local.nodes('hidden')], [[], ['c17@127.0.0.1']]);
});
