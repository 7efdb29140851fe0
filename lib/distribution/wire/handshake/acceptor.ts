/** The handshake of the side that was dialled: see `handshake.ts`. */
import { DFLAG_NAME_ME, hasFlag, missingFlags, negotiate } from '../flags.ts';
import { digest, digestsEqual } from './challenge.ts';
import {
  type EstablishedEffect,
  type FailedEffect,
  Handshake,
  type HandshakePeer,
  type HandshakeSelf,
  type SendEffect,
} from './handshake.ts';
import {
  decodeChallengeReply,
  decodeSendName,
  decodeStatusReply,
  encodeChallenge,
  encodeChallengeAck,
  encodeStatus,
  type SendName,
  type Status,
} from './messages.ts';

export interface AcceptorOptions {
  readonly self: HandshakeSelf;
  /** an unpredictable unsigned 32-bit number, never used before */
  readonly challenge: number;
}

/** Where an acceptor stands before its end. */
export type AcceptorPhase =
  | 'awaiting_name'
  | 'awaiting_decision'
  | 'awaiting_status_reply'
  | 'awaiting_challenge_reply'
  | 'awaiting_completion';

/** Asks for the connection table's decision on the peer: the owner answers with `decide`. */
export interface AskTableEffect {
  readonly type: 'ask_table';
  /** the name that the peer claims; nothing is proved yet */
  readonly peerName: string;
}

/**
 * The peer has proved that it knows the cookie. The owner now closes an older connection with the
 * same node, if there is one, finishes everything that its end entails, and calls `complete`.
 */
export interface VerifiedEffect {
  readonly type: 'verified';
  readonly peer: HandshakePeer;
  /** whether the peer was told `alive`, so that an older connection is to be replaced */
  readonly superseding: boolean;
}

/** What an acceptor's owner is to do, in order. */
export type AcceptorEffect =
  | SendEffect
  | AskTableEffect
  | VerifiedEffect
  | EstablishedEffect
  | FailedEffect;

/** What the connection table says of an inbound peer; `refuse` closes the socket without a status. */
export type TableDecision =
  | {
      readonly status: 'ok' | 'ok_simultaneous' | 'alive';
      /** the cookie that applies to this peer */
      readonly cookie: string;
    }
  | { readonly status: 'nok' | 'not_allowed' | 'refuse' };

/**
 * The side that was dialled.
 *
 * ```
 *   awaiting_name ── our own name ▶ nok, a flag missing ▶ not_allowed ───▶ failed
 *    │ send_name                                   ▶ ask_table
 *   awaiting_decision ── decide: nok ▶, not_allowed ▶, refuse ───────────▶ failed
 *    │ ok, ok_simultaneous ▶   ╲ alive ▶
 *    │                          ▼
 *    │                         awaiting_status_reply ── false ───────────▶ failed
 *    ▼ ◀────────────────────────╯ true
 *    │                                             ▶ challenge
 *   awaiting_challenge_reply ── wrong digest ────────────────────────────▶ failed
 *    │ challenge reply                             ▶ verified
 *   awaiting_completion
 *    │ complete()                                  ▶ challenge ack
 *   established
 * ```
 *
 * From every phase before `established`, a malformed message, `closed` or `timedOut` leads to `failed`.
 *
 * The digest is verified before the owner is told anything that could cost an existing connection:
 * otherwise anyone could cut two nodes apart by claiming to be one of them.
 */
export class HandshakeAcceptor extends Handshake<AcceptorPhase> {
  readonly #options: AcceptorOptions;
  #peer: HandshakePeer | undefined;
  #cookie: string | undefined;
  #superseding = false;
  /** The challenge that the peer put to us. */
  #proofAsked: number | undefined;

  constructor(options: AcceptorOptions) {
    super('awaiting_name', undefined);
    this.#options = options;
  }

  /** Takes a complete message body. After the end it answers nothing. */
  receive(body: Uint8Array): readonly AcceptorEffect[] {
    switch (this.phase) {
      case 'awaiting_name':
        return this.step(decodeSendName, body, (message) => this.#onName(message));
      case 'awaiting_status_reply':
        return this.step(decodeStatusReply, body, (replace) => this.#onStatusReply(replace));
      case 'awaiting_challenge_reply':
        return this.step(decodeChallengeReply, body, (reply) => this.#onReply(reply));
      default:
        return this.unexpected(body);
    }
  }

  /**
   * Answers `ask_table`.
   *
   * @throws {HandshakeError} `unexpected_message` when nothing was asked
   */
  decide(decision: TableDecision): readonly AcceptorEffect[] {
    this.expectPhase('awaiting_decision', 'decide');
    switch (decision.status) {
      case 'ok':
      case 'ok_simultaneous':
        this.#cookie = decision.cookie;
        return [status(decision.status), this.#sendChallenge()];
      case 'alive':
        this.#cookie = decision.cookie;
        this.#superseding = true;
        this.enter('awaiting_status_reply');
        return [status('alive')];
      case 'nok':
        return [status('nok'), this.fail('nok', 'our own attempt or connection is kept')];
      case 'not_allowed':
        return [status('not_allowed'), this.fail('not_allowed', 'the peer is not allowed here')];
      case 'refuse':
        return [this.fail('already_connected', 'another attempt of the peer is under way')];
    }
  }

  /**
   * Answers `verified`: nothing is left of an older connection.
   *
   * @throws {HandshakeError} `unexpected_message` when nothing was verified yet
   */
  complete(): readonly AcceptorEffect[] {
    this.expectPhase('awaiting_completion', 'complete');
    this.enter('established');
    const proof = digest(this.#cookie!, this.#proofAsked!);
    return [
      { type: 'send', body: encodeChallengeAck({ digest: proof }) },
      { type: 'established', peer: this.#peer! },
    ];
  }

  #onName(message: SendName): readonly AcceptorEffect[] {
    const { self } = this.#options;
    this.meet(message.name);
    if (message.name === self.name) {
      return [status('nok'), this.fail('nok', 'the peer bears our own name')];
    }
    if (hasFlag(message.flags, DFLAG_NAME_ME)) {
      return [status('not_allowed'), this.fail('not_allowed', 'the peer asks for a name')];
    }
    const missing = missingFlags(message.flags);
    if (missing.length > 0) {
      const reason = `${message.name} lacks ${missing.join(', ')}`;
      return [status('not_allowed'), this.fail('missing_flags', reason)];
    }
    this.#peer = {
      name: message.name,
      flags: negotiate(self.flags, message.flags),
      creation: message.creation,
    };
    this.enter('awaiting_decision');
    return [{ type: 'ask_table', peerName: message.name }];
  }

  #onStatusReply(replace: boolean): readonly AcceptorEffect[] {
    if (replace) return [this.#sendChallenge()];
    return [this.fail('already_connected', 'the peer keeps the connection that is up')];
  }

  #sendChallenge(): SendEffect {
    const { self, challenge } = this.#options;
    const { name, flags, creation } = self;
    this.enter('awaiting_challenge_reply');
    return { type: 'send', body: encodeChallenge({ name, flags, creation, challenge }) };
  }

  #onReply(reply: ReturnType<typeof decodeChallengeReply>): readonly AcceptorEffect[] {
    if (!digestsEqual(reply.digest, digest(this.#cookie!, this.#options.challenge))) {
      return [this.fail('bad_cookie', `${this.#peer!.name} does not know our cookie`)];
    }
    this.#proofAsked = reply.challenge;
    this.enter('awaiting_completion');
    return [{ type: 'verified', peer: this.#peer!, superseding: this.#superseding }];
  }
}

function status(value: Status): SendEffect {
  return { type: 'send', body: encodeStatus(value) };
}
