import { test } from 'tap';
import * as calls from '../../../../../../lib/distribution/kernel/global/messages/calls.ts';
import * as casts from '../../../../../../lib/distribution/kernel/global/messages/casts.ts';
import * as infos from '../../../../../../lib/distribution/kernel/global/messages/infos.ts';
import * as protocol from '../../../../../../lib/distribution/kernel/global/messages/protocol.ts';
import { atom } from '../../../../../../lib/distribution/terms/atom.ts';
import { decodeExternal } from '../../../../../../lib/distribution/terms/decode.ts';
import { encodeExternal } from '../../../../../../lib/distribution/terms/encode.ts';
import { Pid } from '../../../../../../lib/distribution/terms/pid.ts';
import { type Term, Tuple, tuple } from '../../../../../../lib/distribution/terms/term.ts';

const BIG = -576460752303423487n;
const pid = new Pid('b@h', 5, 0, 1);
const method = calls.encodeSetLock({ resource: 1, requester: 2 });
const named = { name: tuple(atom('n'), 1), pid, method };
const lock = { resource: atom('global'), requester: [pid] };
const known = [{ node: 'c@h', version: 8 }];
const external = [{ name: atom('c'), pid, registrationNode: 'b@h' }];
const operations = [
  { type: 'insert', ...named },
  { type: 'delete', name: atom('y') },
] as const;

/** What a peer would get: through the codec. */
function carried(term: Term): Term {
  return decodeExternal(encodeExternal(term));
}

const CASTS: [Term, object][] = [
  [
    casts.encodeInitConnect('a@h', BIG, pid),
    { type: 'init_connect', node: 'a@h', version: 8, tag: BIG, locker: pid },
  ],
  [
    casts.encodeLockSet(pid, true, ['c@h'], BIG),
    { type: 'lock_set', locker: pid, granted: true, tag: BIG },
  ],
  [
    casts.encodeLockSet(pid, false, [], undefined),
    { type: 'lock_set', locker: pid, granted: false, tag: undefined },
  ],
  [
    casts.encodeExchange('a@h', [named], BIG),
    { type: 'exchange', node: 'a@h', names: [named], tag: BIG },
  ],
  [
    casts.encodeResolved('a@h', operations, known, external, 5),
    { type: 'resolved', node: 'a@h', operations, known, externalNames: external, tag: 5 },
  ],
  [
    casts.encodeNewNodes('a@h', operations, external, known, 8, lock),
    { type: 'new_nodes', node: 'a@h', operations, externalNames: external, nodes: known, lock },
  ],
  [casts.encodeInSync('a@h'), { type: 'in_sync', node: 'a@h' }],
  [tuple(atom('async_del_name'), 1, 2), { type: 'obsolete' }],
];

const lost = {
  type: 'lost_connection',
  node: 'a@h',
  extendedCreation: BIG,
  operationId: 3,
  lost: 'b@h',
} as const;

const INFOS: [Term, object][] = [
  [
    infos.encodeInitConnectAck('a@h', BIG, 4),
    { type: 'init_connect_ack', node: 'a@h', receiverTag: BIG, senderTag: 4 },
  ],
  [infos.encodeCancelConnect('a@h', BIG), { type: 'cancel_connect', node: 'a@h', tag: BIG }],
  [infos.encodeLostConnection(lost), lost],
  [infos.encodeRemoveConnection('a@h'), { type: 'remove_connection', node: 'a@h' }],
  [tuple(atom('whereis'), atom('x'), 1), { type: 'whereis', name: atom('x'), from: 1 }],
];

const CALLS: [Term, object][] = [
  [calls.encodeSetLock(lock), { type: 'set_lock', lock }],
  [calls.encodeDelLock(lock), { type: 'del_lock', lock }],
  [calls.encodeRegister(named), { type: 'register', ...named, registrationNode: undefined }],
  [
    tuple(atom('register_ext'), named.name, pid, method, atom('b@h')),
    { type: 'register', ...named, registrationNode: 'b@h' },
  ],
  [calls.encodeUnregister(named.name), { type: 'unregister', name: named.name }],
  [atom('get_protocol_version'), { type: 'get_protocol_version' }],
  [atom('get_known'), { type: 'get_known' }],
];

test('every message survives the wire', async (t) => {
  for (const [term, expected] of CASTS) t.same(casts.decodeCast(carried(term)), expected);
  for (const [term, expected] of INFOS) t.same(infos.decodeInfo(carried(term)), expected);
  for (const [term, expected] of CALLS) t.same(calls.decodeCall(carried(term)), expected);
});

test('reads what other versions send', async (t) => {
  const init = tuple(atom('locker'), atom('no_longer_a_pid'), [], pid);
  const versions = tuple(9, 5, atom('more'));
  t.match(casts.decodeCast(tuple(atom('init_connect'), versions, atom('a@h'), init)), {
    version: 9,
    tag: 5,
  });
  const bare = tuple(atom('resolved'), atom('a@h'), [], [atom('c@h')], atom('unused'), [], 1);
  t.match(casts.decodeCast(bare), { known: [{ node: 'c@h', version: 0 }] });
  const noLock = tuple(atom('new_nodes'), atom('a@h'), [], [], [], []);
  t.match(casts.decodeCast(noLock), { lock: undefined });
});

/** The term with each of its elements in turn, and theirs one level down, replaced by something absurd. */
function* damaged(term: Tuple): Generator<Tuple> {
  for (const [index, element] of term.elements.entries()) {
    yield new Tuple(term.elements.with(index, 1.5));
    if (element instanceof Tuple) {
      for (const inner of damaged(element)) yield new Tuple(term.elements.with(index, inner));
    }
    if (Array.isArray(element)) yield new Tuple(term.elements.with(index, [1.5]));
  }
  yield new Tuple([...term.elements, 1.5]);
  yield new Tuple(term.elements.slice(0, -1));
}

test('never throws, whatever is wrong with a message', async (t) => {
  let ignored = 0;
  for (const [term] of [...CASTS, ...INFOS, ...CALLS]) {
    if (!(term instanceof Tuple)) continue;
    for (const bad of damaged(term)) {
      const all = [
        casts.decodeCast(bad),
        infos.decodeInfo(bad),
        calls.decodeCall(bad),
        casts.decodeLockerMessage(bad),
      ];
      if (all.every((decoded) => decoded === undefined)) ignored += 1;
    }
  }
  t.ok(ignored > 80, `${ignored} are recognised as malformed`);
  for (const term of [[], 1, atom('x'), tuple(), tuple(1), new Uint8Array(3)]) {
    t.equal(casts.decodeCast(term), undefined);
    t.equal(infos.decodeInfo(term), undefined);
    t.equal(calls.decodeCall(term), undefined);
  }
});

test('a locker understands what is sent to it directly', async (t) => {
  const refusal = casts.encodeLockSet(pid, false, [], undefined);
  t.match(casts.decodeLockerMessage(refusal), { granted: false, locker: pid });
  t.equal(casts.decodeLockerMessage(casts.encodeInSync('a@h')), undefined);
});

test('tags are equal as integers, in whichever type they come', async (t) => {
  t.ok(protocol.sameTag(BIG, BigInt('-576460752303423487')));
  t.ok(protocol.sameTag(5, 5n));
  t.notOk(protocol.sameTag(BIG, BIG + 1n));
  t.notOk(protocol.sameTag(undefined, undefined));
});
