/**
 * The synchronisation with one peer, as a pure state machine: `(session, event) -> (session, effects)`.
 * Who owns the sockets, the tables and the locker carries the effects out, in order.
 *
 * ```
 *           early ──────────────┐ the peer's init_connect came before our nodeup
 *  start      │ start           │
 *  ─────▶ offered ──init_connect▶ pending ──lock_is_set▶ locked ──exchange▶ resolving
 *         (our offer is out)      (candidate of           (exchange sent)      │ resolution
 *                                  the locker)                                 ▼
 *                                                    absent ◀──resolved── answered
 *                                                         finish        (resolved sent)
 * ```
 *
 * The peer runs ahead or behind: its `exchange` may come before our `lock_is_set`, its `resolved`
 * before our `resolution`. They are kept until the step they belong to. A message with a tag that
 * is not ours belongs to a session that no longer exists and is ignored. From every state, `drop`
 * (nodedown, in_sync, learnt second-hand) leads to absent, and being out of step to `restart`,
 * after which the owner starts anew if the peer is still connected.
 *
 * Source: OTP 25 to 29 `global`, init_connect/6, lock_is_set/3, exchange/3, resolved/5.
 */
import type { Pid } from '../../terms/pid.ts';
import {
  type ExternalName,
  GLOBAL_VERSION,
  type KnownNode,
  LOWEST_GLOBAL_VERSION,
  type LockId,
  type NamedPid,
  type NameOperation,
  sameTag,
  type Tag,
} from './messages/protocol.ts';

/** What the peer told us in its `init_connect`; `version` is what both of us speak. */
export interface PeerOffer {
  readonly version: number;
  readonly tag: Tag;
  readonly locker: Pid;
}

/** What the peer decided for us: changes of our names, and the rest of its partition. */
export interface PeerResolution {
  readonly operations: readonly NameOperation[];
  readonly known: readonly KnownNode[];
  readonly externalNames: readonly ExternalName[];
}

/** Our answer to the peer's names: what we apply ourselves, and what the peer must apply. */
export interface Resolution {
  readonly operations: readonly NameOperation[];
  readonly forPeer: readonly NameOperation[];
}

export type Session =
  | { readonly state: 'early'; readonly peer: PeerOffer }
  | { readonly state: 'offered'; readonly myTag: Tag }
  | {
      readonly state: 'pending';
      readonly myTag: Tag;
      readonly peer: PeerOffer;
      readonly peerNames: readonly NamedPid[] | undefined;
      readonly peerResolution: PeerResolution | undefined;
    }
  | {
      readonly state: 'locked' | 'resolving';
      readonly myTag: Tag;
      readonly peer: PeerOffer;
      readonly lock: LockId;
      readonly peerResolution: PeerResolution | undefined;
    }
  | {
      readonly state: 'answered';
      readonly myTag: Tag;
      readonly peer: PeerOffer;
      readonly lock: LockId;
      readonly operations: readonly NameOperation[];
    };

/**
 * What may happen to a session: messages of the peer, its coming and going, answers of our own
 * locker and resolver.
 */
export type SessionEvent =
  /** the peer is up, or still is after a restart; `myTag` must be fresh */
  | { readonly type: 'start'; readonly myTag: Tag }
  | {
      readonly type: 'init_connect';
      readonly version: number;
      readonly tag: Tag;
      readonly locker: Pid;
    }
  | { readonly type: 'init_connect_ack'; readonly receiverTag: Tag; readonly senderTag: Tag }
  | { readonly type: 'cancel_connect'; readonly tag: Tag }
  /** the peer has not done its part in the time for it */
  | { readonly type: 'give_up'; readonly myTag: Tag }
  | { readonly type: 'lock_is_set'; readonly myTag: Tag; readonly lock: LockId }
  | { readonly type: 'exchange'; readonly names: readonly NamedPid[]; readonly tag: Tag }
  | ({ readonly type: 'resolution'; readonly myTag: Tag } & Resolution)
  | ({ readonly type: 'resolved'; readonly tag: Tag } & PeerResolution)
  | { readonly type: 'drop' };

/** What the owner of a session is to do, in order. */
export type SessionEffect =
  | { readonly type: 'send_init_connect'; readonly myTag: Tag }
  | { readonly type: 'send_ack'; readonly receiverTag: Tag; readonly senderTag: Tag }
  | { readonly type: 'send_cancel'; readonly receiverTag: Tag }
  | { readonly type: 'add_candidate'; readonly myTag: Tag; readonly peer: PeerOffer }
  /** the locker forgets the peer and releases what it holds for it */
  | { readonly type: 'cancel_candidate'; readonly myTag: Tag }
  | { readonly type: 'send_exchange'; readonly peerTag: Tag }
  | { readonly type: 'resolve'; readonly myTag: Tag; readonly names: readonly NamedPid[] }
  | {
      readonly type: 'send_resolved';
      readonly peerTag: Tag;
      readonly operations: readonly NameOperation[];
    }
  | {
      readonly type: 'finish';
      readonly myTag: Tag;
      readonly lock: LockId;
      readonly version: number;
      readonly operations: readonly NameOperation[];
      readonly known: readonly KnownNode[];
      readonly externalNames: readonly ExternalName[];
    }
  /** start anew if the peer is still connected and its names are not shared yet */
  | { readonly type: 'restart'; readonly afterSilence?: true }
  /** the peer cannot be synchronised with */
  | { readonly type: 'refuse'; readonly reason: 'version' | 'out_of_sync' };

/** A session after an event, `undefined` when it is over, and what follows from it. */
export interface Transition {
  readonly session: Session | undefined;
  readonly effects: readonly SessionEffect[];
}

/** The tag by which the peer must address the session; none before our offer is out. */
export function sessionTag(session: Session | undefined): Tag | undefined {
  return session === undefined || session.state === 'early' ? undefined : session.myTag;
}

/** The version of a peer whose offer we have accepted: it counts as pending until names are shared. */
export function pendingVersion(session: Session | undefined): number | undefined {
  if (session === undefined || session.state === 'early' || session.state === 'offered') {
    return undefined;
  }
  return session.peer.version;
}

/** Advances the session with one peer. Never throws: every event is legal in every state. */
export function advance(session: Session | undefined, event: SessionEvent): Transition {
  switch (event.type) {
    case 'start':
      return start(session, event.myTag);
    case 'init_connect':
      return initConnect(session, event);
    case 'init_connect_ack':
      return initConnectAck(session, event.receiverTag, event.senderTag);
    case 'cancel_connect':
      return sameTag(event.tag, sessionTag(session)) ? restart(session, []) : stay(session);
    case 'give_up':
      return giveUp(session, event.myTag);
    case 'lock_is_set':
      return lockIsSet(session, event.myTag, event.lock);
    case 'exchange':
      return exchange(session, event.names, event.tag);
    case 'resolution':
      return resolution(session, event);
    case 'resolved':
      return resolved(session, event);
    case 'drop':
      return { session: undefined, effects: cancelCandidate(session) };
  }
}

function stay(session: Session | undefined): Transition {
  return { session, effects: [] };
}

/** Nothing to cancel where the locker has not been given the peer yet. */
function cancelCandidate(session: Session | undefined): readonly SessionEffect[] {
  if (session === undefined || session.state === 'early' || session.state === 'offered') return [];
  return [{ type: 'cancel_candidate', myTag: session.myTag }];
}

function restart(session: Session | undefined, before: readonly SessionEffect[]): Transition {
  return {
    session: undefined,
    effects: [...before, ...cancelCandidate(session), { type: 'restart' }],
  };
}

function start(session: Session | undefined, myTag: Tag): Transition {
  if (session !== undefined && session.state !== 'early') return stay(session);
  const offer: SessionEffect = { type: 'send_init_connect', myTag };
  if (session === undefined) return { session: { state: 'offered', myTag }, effects: [offer] };
  const { session: next, effects } = accept(myTag, session.peer);
  return { session: next, effects: [offer, ...effects] };
}

/** The peer's offer meets ours: it becomes a candidate of the locker. */
function accept(myTag: Tag, peer: PeerOffer): Transition {
  const effects: SessionEffect[] = [];
  // Version 7 knows no acknowledgement.
  if (peer.version >= 8) {
    effects.push({ type: 'send_ack', receiverTag: peer.tag, senderTag: myTag });
  }
  effects.push({ type: 'add_candidate', myTag, peer });
  return {
    session: { state: 'pending', myTag, peer, peerNames: undefined, peerResolution: undefined },
    effects,
  };
}

function initConnect(
  session: Session | undefined,
  offer: { readonly version: number; readonly tag: Tag; readonly locker: Pid },
): Transition {
  if (offer.version < LOWEST_GLOBAL_VERSION) {
    return { session, effects: [{ type: 'refuse', reason: 'version' }] };
  }
  const peer: PeerOffer = {
    version: Math.min(offer.version, GLOBAL_VERSION),
    tag: offer.tag,
    locker: offer.locker,
  };
  if (session === undefined || session.state === 'early') {
    return { session: { state: 'early', peer }, effects: [] };
  }
  if (session.state === 'offered') return accept(session.myTag, peer);
  // A second offer while the first is being worked on: one of us has restarted unseen. Version 7
  // cannot be told, so its connection must go; version 8 is told, and its new offer stands for the
  // session that the restart begins.
  if (peer.version < 8) {
    return { session, effects: [{ type: 'refuse', reason: 'out_of_sync' }] };
  }
  return {
    session: { state: 'early', peer },
    effects: [
      { type: 'send_cancel', receiverTag: peer.tag },
      ...cancelCandidate(session),
      { type: 'restart' },
    ],
  };
}

/** Confirms that both sides speak of the same pair of offers. */
function initConnectAck(
  session: Session | undefined,
  receiverTag: Tag,
  senderTag: Tag,
): Transition {
  const mine = sessionTag(session);
  const theirs =
    session === undefined || session.state === 'offered' ? undefined : session.peer.tag;
  if (sameTag(receiverTag, mine) && sameTag(senderTag, theirs)) return stay(session);
  const cancel: SessionEffect = { type: 'send_cancel', receiverTag: senderTag };
  // Without a session of ours there is nothing to restart; telling the peer is enough.
  if (mine === undefined) return { session, effects: [cancel] };
  return restart(session, [cancel]);
}

/** The peer is told, so that it begins anew as we do; version 7 cannot be, and loses its connection. */
function giveUp(session: Session | undefined, myTag: Tag): Transition {
  if (pendingVersion(session) === undefined || !sameTag(myTag, sessionTag(session))) {
    return stay(session);
  }
  const { peer } = session as Session & { readonly peer: PeerOffer };
  if (peer.version < 8) return { session, effects: [{ type: 'refuse', reason: 'out_of_sync' }] };
  return {
    session: undefined,
    effects: [
      { type: 'send_cancel', receiverTag: peer.tag },
      ...cancelCandidate(session),
      { type: 'restart', afterSilence: true },
    ],
  };
}

function lockIsSet(session: Session | undefined, myTag: Tag, lock: LockId): Transition {
  if (session?.state !== 'pending' || !sameTag(myTag, session.myTag)) {
    return { session, effects: [{ type: 'cancel_candidate', myTag }] };
  }
  const { peer, peerNames, peerResolution } = session;
  const effects: SessionEffect[] = [{ type: 'send_exchange', peerTag: peer.tag }];
  if (peerNames === undefined) {
    return { session: { state: 'locked', myTag, peer, lock, peerResolution }, effects };
  }
  effects.push({ type: 'resolve', myTag, names: peerNames });
  return { session: { state: 'resolving', myTag, peer, lock, peerResolution }, effects };
}

function exchange(session: Session | undefined, names: readonly NamedPid[], tag: Tag): Transition {
  if (!sameTag(tag, sessionTag(session))) return stay(session);
  if (session?.state === 'pending') return stay({ ...session, peerNames: names });
  if (session?.state !== 'locked') return stay(session);
  return {
    session: { ...session, state: 'resolving' },
    effects: [{ type: 'resolve', myTag: session.myTag, names }],
  };
}

function resolution(
  session: Session | undefined,
  result: Resolution & { readonly myTag: Tag },
): Transition {
  if (session?.state !== 'resolving' || !sameTag(result.myTag, session.myTag)) return stay(session);
  const { myTag, peer, lock, peerResolution } = session;
  const effects: SessionEffect[] = [
    { type: 'send_resolved', peerTag: peer.tag, operations: result.forPeer },
  ];
  const { operations } = result;
  const answered: Session = { state: 'answered', myTag, peer, lock, operations };
  if (peerResolution === undefined) return { session: answered, effects };
  const finished = finish(answered, peerResolution);
  return { session: finished.session, effects: [...effects, ...finished.effects] };
}

function resolved(
  session: Session | undefined,
  event: PeerResolution & { readonly tag: Tag },
): Transition {
  if (!sameTag(event.tag, sessionTag(session))) return stay(session);
  const { operations, known, externalNames } = event;
  const peerResolution: PeerResolution = { operations, known, externalNames };
  switch (session?.state) {
    case 'pending':
    case 'locked':
    case 'resolving':
      return stay({ ...session, peerResolution });
    case 'answered':
      return finish(session, peerResolution);
    default:
      return stay(session);
  }
}

function finish(
  session: Session & { readonly state: 'answered' },
  peerResolution: PeerResolution,
): Transition {
  return {
    session: undefined,
    effects: [
      {
        type: 'finish',
        myTag: session.myTag,
        lock: session.lock,
        version: session.peer.version,
        operations: [...session.operations, ...peerResolution.operations],
        known: peerResolution.known,
        externalNames: peerResolution.externalNames,
      },
    ],
  };
}
