import { test } from 'tap';
import type { LockId } from '../../../../../lib/distribution/kernel/global/messages/protocol.ts';
import {
  advance,
  type PeerOffer,
  pendingVersion,
  type Session,
  type SessionEvent,
  sessionTag,
} from '../../../../../lib/distribution/kernel/global/session.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';

const BIG = -576460752303423487n;
const locker = new Pid('b@h', 5, 0, 1);
const lock: LockId = { resource: atom('global'), requester: [locker] };
const peer: PeerOffer = { version: 8, tag: BIG, locker };
const entry = { name: atom('x'), pid: new Pid('b@h', 9, 0, 1), method: atom('m') };
const operation = { type: 'delete', name: atom('y') } as const;
const peerResolution = { operations: [operation], known: [], externalNames: [] };
const waiting = { myTag: 1, peer, peerNames: undefined, peerResolution: undefined };

const STATES: Record<string, Session | undefined> = {
  absent: undefined,
  early: { state: 'early', peer },
  offered: { state: 'offered', myTag: 1 },
  pending: { state: 'pending', ...waiting },
  pendingAhead: { state: 'pending', myTag: 1, peer, peerNames: [entry], peerResolution },
  locked: { state: 'locked', myTag: 1, peer, lock, peerResolution: undefined },
  resolving: { state: 'resolving', myTag: 1, peer, lock, peerResolution: undefined },
  resolvingAhead: { state: 'resolving', myTag: 1, peer, lock, peerResolution },
  answered: { state: 'answered', myTag: 1, peer, lock, operations: [operation] },
};

const EVENTS: Record<string, SessionEvent> = {
  start: { type: 'start', myTag: 2 },
  init_connect: { type: 'init_connect', version: 9, tag: 77, locker },
  init_connect_7: { type: 'init_connect', version: 7, tag: 77, locker },
  init_connect_6: { type: 'init_connect', version: 6, tag: 77, locker },
  ack: { type: 'init_connect_ack', receiverTag: 1, senderTag: BIG },
  ack_stale: { type: 'init_connect_ack', receiverTag: 1, senderTag: 5 },
  cancel: { type: 'cancel_connect', tag: 1 },
  cancel_stale: { type: 'cancel_connect', tag: 99 },
  give_up: { type: 'give_up', myTag: 1 },
  give_up_stale: { type: 'give_up', myTag: 99 },
  lock_is_set: { type: 'lock_is_set', myTag: 1, lock },
  lock_is_set_stale: { type: 'lock_is_set', myTag: 99, lock },
  exchange: { type: 'exchange', names: [entry], tag: 1 },
  exchange_stale: { type: 'exchange', names: [entry], tag: 99 },
  resolution: { type: 'resolution', myTag: 1, operations: [], forPeer: [operation] },
  resolution_stale: { type: 'resolution', myTag: 99, operations: [], forPeer: [] },
  resolved: { type: 'resolved', tag: 1, ...peerResolution },
  resolved_stale: { type: 'resolved', tag: 99, ...peerResolution },
  drop: { type: 'drop' },
};

/** What each event does in each state: the next state and the effects. `=` means nothing at all. */
const TABLE: Record<string, Record<string, string>> = {
  absent: {
    start: 'offered: send_init_connect',
    init_connect: 'early:',
    init_connect_7: 'early:',
    init_connect_6: 'absent: refuse',
    ack: 'absent: send_cancel',
    ack_stale: 'absent: send_cancel',
    lock_is_set: 'absent: cancel_candidate',
    lock_is_set_stale: 'absent: cancel_candidate',
  },
  early: {
    start: 'pending: send_init_connect send_ack add_candidate',
    init_connect: 'early:',
    init_connect_7: 'early:',
    init_connect_6: 'early: refuse',
    ack: 'early: send_cancel',
    ack_stale: 'early: send_cancel',
    lock_is_set: 'early: cancel_candidate',
    lock_is_set_stale: 'early: cancel_candidate',
    drop: 'absent:',
  },
  offered: {
    init_connect: 'pending: send_ack add_candidate',
    init_connect_7: 'pending: add_candidate',
    init_connect_6: 'offered: refuse',
    ack: 'absent: send_cancel restart',
    ack_stale: 'absent: send_cancel restart',
    cancel: 'absent: restart',
    lock_is_set: 'offered: cancel_candidate',
    lock_is_set_stale: 'offered: cancel_candidate',
    drop: 'absent:',
  },
  pending: {
    ...outOfStep('pending'),
    lock_is_set: 'locked: send_exchange',
    lock_is_set_stale: 'pending: cancel_candidate',
    exchange: 'pending:',
    resolved: 'pending:',
  },
  pendingAhead: {
    ...outOfStep('pending'),
    lock_is_set: 'resolving: send_exchange resolve',
    lock_is_set_stale: 'pending: cancel_candidate',
    exchange: 'pending:',
    resolved: 'pending:',
  },
  locked: {
    ...outOfStep('locked'),
    exchange: 'resolving: resolve',
    resolved: 'locked:',
  },
  resolving: {
    ...outOfStep('resolving'),
    resolution: 'answered: send_resolved',
    resolved: 'resolving:',
  },
  resolvingAhead: {
    ...outOfStep('resolving'),
    resolution: 'absent: send_resolved finish',
    resolved: 'resolving:',
  },
  answered: {
    ...outOfStep('answered'),
    resolved: 'absent: finish',
  },
};

/** What is the same in all states in which the locker knows the peer. */
function outOfStep(state: string): Record<string, string> {
  return {
    init_connect: 'early: send_cancel cancel_candidate restart',
    init_connect_7: `${state}: refuse`,
    init_connect_6: `${state}: refuse`,
    ack_stale: 'absent: send_cancel cancel_candidate restart',
    cancel: 'absent: cancel_candidate restart',
    give_up: 'absent: send_cancel cancel_candidate restart',
    lock_is_set: `${state}: cancel_candidate`,
    lock_is_set_stale: `${state}: cancel_candidate`,
    drop: 'absent: cancel_candidate',
  };
}

test('does in every state with every event what the table says', async (t) => {
  for (const [state, session] of Object.entries(STATES)) {
    for (const [name, event] of Object.entries(EVENTS)) {
      const next = advance(session, event);
      const effects = next.effects.map(({ type }) => ` ${type}`).join('');
      const happened = `${next.session?.state ?? 'absent'}:${effects}`;
      const expected = TABLE[state]?.[name];
      if (expected === undefined) {
        t.equal(next.session, session, `${name} in ${state} changes nothing`);
        t.same(next.effects, [], `${name} in ${state} has no effect`);
      } else {
        t.equal(happened, expected, `${name} in ${state}`);
      }
    }
  }
});

test('echoes the tag of the peer bit by bit', async (t) => {
  const { effects } = advance(STATES.early, { type: 'start', myTag: 4 });
  t.match(effects[1], { type: 'send_ack', receiverTag: BIG, senderTag: 4 });
  const locked = advance(STATES.pending, { type: 'lock_is_set', myTag: 1, lock });
  t.match(locked.effects[0], { type: 'send_exchange', peerTag: BIG });
});

test('a silent peer of version 7, which cannot be told, is refused', async (t) => {
  const older: Session = {
    state: 'locked',
    myTag: 1,
    peer: { ...peer, version: 7 },
    lock,
    peerResolution: undefined,
  };
  const { session, effects } = advance(older, { type: 'give_up', myTag: 1 });
  t.equal(session, older);
  t.same(effects, [{ type: 'refuse', reason: 'out_of_sync' }]);
});

test('speaks version 8 with a newer peer and 7 with an older one', async (t) => {
  const newer = advance(STATES.offered, EVENTS.init_connect!);
  const older = advance(STATES.offered, EVENTS.init_connect_7!);
  t.equal(pendingVersion(newer.session), 8);
  t.equal(pendingVersion(older.session), 7);
  t.equal(pendingVersion(STATES.offered), undefined);
  t.equal(sessionTag(STATES.early), undefined);
  t.equal(sessionTag(STATES.offered), 1);
});

test('finishes with the operations of both sides, ours first', async (t) => {
  const mine = { type: 'insert', ...entry } as const;
  const answered: Session = { state: 'answered', myTag: 1, peer, lock, operations: [mine] };
  const { effects } = advance(answered, EVENTS.resolved!);
  t.match(effects, [{ type: 'finish', lock, version: 8, operations: [mine, operation] }]);
});
