/** The handshake of the side that dialled: see `handshake.ts`. */
import { missingFlags, negotiate } from '../flags.ts';
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
  decodeChallenge,
  decodeChallengeAck,
  decodeStatus,
  encodeChallengeReply,
  encodeSendName,
  encodeStatusReply,
  type Status,
} from './messages.ts';

export interface InitiatorOptions {
  readonly self: HandshakeSelf;
  /** the node that was dialled; the peer must turn out to be it */
  readonly peerName: string;
  readonly cookie: string;
  /** an unpredictable unsigned 32-bit number, never used before */
  readonly challenge: number;
}

/** Where an initiator stands before its end. */
export type InitiatorPhase =
  | 'idle'
  | 'awaiting_status'
  | 'awaiting_alive_answer'
  | 'awaiting_challenge'
  | 'awaiting_challenge_ack';

/** The peer thinks that we are connected already: the owner answers with `answerAlive`. */
export interface AskAliveEffect {
  readonly type: 'ask_alive';
}

/** What an initiator's owner is to do, in order. */
export type InitiatorEffect = SendEffect | AskAliveEffect | EstablishedEffect | FailedEffect;

/**
 * The side that dialled.
 *
 * ```
 *   idle
 *    │ start()                                     ▶ send_name
 *   awaiting_status ── nok, not_allowed ─────────────────────────────────▶ failed
 *    │ ok,        ╲ alive                          ▶ ask_alive
 *    │ ok_simul-   ▼
 *    │ taneous    awaiting_alive_answer ── answerAlive(false) ▶ "false" ─▶ failed
 *    │             │ answerAlive(true)             ▶ "true"
 *    ▼ ◀───────────╯
 *   awaiting_challenge ── another name, a flag missing ──────────────────▶ failed
 *    │ challenge                                   ▶ challenge reply
 *   awaiting_challenge_ack ── wrong digest ──────────────────────────────▶ failed
 *    │ challenge ack
 *   established
 * ```
 *
 * From every phase before `established`, a malformed message, `closed` or `timedOut` leads to `failed`.
 * Whether the attempt still counts when it is established is for the owner to check.
 */
export class HandshakeInitiator extends Handshake<InitiatorPhase> {
  readonly #options: InitiatorOptions;
  #peer: HandshakePeer | undefined;

  constructor(options: InitiatorOptions) {
    super('idle', options.peerName);
    this.#options = options;
  }

  /** Begins: the TCP connection is there. */
  start(): readonly InitiatorEffect[] {
    this.expectPhase('idle', 'start');
    this.enter('awaiting_status');
    return [{ type: 'send', body: encodeSendName(this.#options.self) }];
  }

  /** Takes a complete message body. After the end it answers nothing. */
  receive(body: Uint8Array): readonly InitiatorEffect[] {
    switch (this.phase) {
      case 'awaiting_status':
        return this.step(decodeStatus, body, (status) => this.#onStatus(status));
      case 'awaiting_challenge':
        return this.step(decodeChallenge, body, (challenge) => this.#onChallenge(challenge));
      case 'awaiting_challenge_ack':
        return this.step(decodeChallengeAck, body, (ack) => this.#onAck(ack.digest));
      default:
        return this.unexpected(body);
    }
  }

  /**
   * Answers `ask_alive`.
   *
   * @param replace true iff this attempt still counts and no live connection with the peer is
   * known here. Answering true otherwise makes the peer kill a connection that is in use.
   * @throws {HandshakeError} `unexpected_message` when nothing was asked
   */
  answerAlive(replace: boolean): readonly InitiatorEffect[] {
    this.expectPhase('awaiting_alive_answer', 'answerAlive');
    const answer: SendEffect = { type: 'send', body: encodeStatusReply(replace) };
    if (!replace) {
      return [answer, this.fail('already_connected', 'a connection with the peer is up already')];
    }
    this.enter('awaiting_challenge');
    return [answer];
  }

  #onStatus(status: Status): readonly InitiatorEffect[] {
    switch (status) {
      case 'ok':
      case 'ok_simultaneous':
        this.enter('awaiting_challenge');
        return [];
      case 'alive':
        this.enter('awaiting_alive_answer');
        return [{ type: 'ask_alive' }];
      case 'nok':
        return [this.fail('nok', 'the peer keeps its own attempt to connect to us')];
      case 'not_allowed':
        return [this.fail('not_allowed', 'the peer does not allow this node, or lacks a flag')];
    }
  }

  #onChallenge(message: ReturnType<typeof decodeChallenge>): readonly InitiatorEffect[] {
    const { self, peerName, cookie, challenge } = this.#options;
    if (message.name !== peerName) {
      return [this.fail('wrong_node', `expected node ${peerName}, ${message.name} answered`)];
    }
    const missing = missingFlags(message.flags);
    if (missing.length > 0) {
      return [this.fail('missing_flags', `${peerName} lacks ${missing.join(', ')}`)];
    }
    this.#peer = {
      name: peerName,
      flags: negotiate(self.flags, message.flags),
      creation: message.creation,
    };
    this.enter('awaiting_challenge_ack');
    const proof = digest(cookie, message.challenge);
    return [{ type: 'send', body: encodeChallengeReply({ challenge, digest: proof }) }];
  }

  #onAck(proof: Uint8Array): readonly InitiatorEffect[] {
    const { peerName, cookie, challenge } = this.#options;
    if (!digestsEqual(proof, digest(cookie, challenge))) {
      return [this.fail('bad_cookie', `${peerName} does not know our cookie`)];
    }
    this.enter('established');
    return [{ type: 'established', peer: this.#peer! }];
  }
}
