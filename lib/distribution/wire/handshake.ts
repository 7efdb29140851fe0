/**
 * The conversation that turns a TCP connection into a distribution connection, as two pure state
 * machines: the {@link HandshakeInitiator} dialled, the {@link HandshakeAcceptor} was dialled.
 *
 * Input is a complete message body or a decision of the owner; output is a list of effects that
 * the owner carries out in order. The machines own no socket and no timer: the owner closes the
 * socket after `failed`, and reports a deadline that passed ({@link Handshake.timedOut}) or a
 * socket that closed ({@link Handshake.closed}). Both machines end in `established` or `failed`.
 *
 * @see OTP "Distribution Protocol", Distribution Handshake; source `dist_util.erl`
 */
import { HandshakeError, type HandshakeErrorCode } from '../errors.ts';
import { digest, digestsEqual } from './challenge.ts';
import { DFLAG_NAME_ME, hasFlag, missingFlags, negotiate } from './flags.ts';
import {
  decodeChallenge,
  decodeChallengeAck,
  decodeChallengeReply,
  decodeSendName,
  decodeStatus,
  decodeStatusReply,
  describeHandshakeMessage,
  encodeChallenge,
  encodeChallengeAck,
  encodeChallengeReply,
  encodeSendName,
  encodeStatus,
  encodeStatusReply,
  type SendName,
  type Status,
} from './handshake-messages.ts';

/** Who we are to the peer. */
export interface HandshakeSelf {
  readonly name: string;
  /** capability bits that we offer */
  readonly flags: bigint;
  readonly creation: number;
}

/** What a finished handshake has learnt of the peer. */
export interface HandshakePeer {
  readonly name: string;
  /** the negotiated capability bits: those that both sides offered */
  readonly flags: bigint;
  readonly creation: number;
}

/** The body is to be framed and sent. */
export interface SendEffect {
  readonly type: 'send';
  readonly body: Uint8Array;
}

/** The connection is up: the next bytes, in both directions, are 4-byte frames. */
export interface EstablishedEffect {
  readonly type: 'established';
  readonly peer: HandshakePeer;
}

/** The handshake is over; after the effects before this one, the socket is to be closed. */
export interface FailedEffect {
  readonly type: 'failed';
  readonly error: HandshakeError;
}

/** What both machines share: their end, and the refusal of whatever comes at the wrong time. */
abstract class Handshake<Phase extends string> {
  #phase: Phase | 'established' | 'failed';
  #peerName: string | undefined;

  constructor(phase: Phase, peerName: string | undefined) {
    this.#phase = phase;
    this.#peerName = peerName;
  }

  /** The current state, for deadlines and log lines. */
  get phase(): Phase | 'established' | 'failed' {
    return this.#phase;
  }

  /** The peer's name: the one dialled, or the one an inbound peer claims. */
  get peerName(): string | undefined {
    return this.#peerName;
  }

  /** The peer closed the socket. */
  closed(): readonly FailedEffect[] {
    return this.#end('closed', 'the peer closed the socket');
  }

  /** The deadline of the current step has passed. */
  timedOut(): readonly FailedEffect[] {
    return this.#end('timeout', 'the peer was silent for too long');
  }

  #end(code: HandshakeErrorCode, what: string): readonly FailedEffect[] {
    if (this.isOver) return [];
    return [this.fail(code, `${what} in phase ${this.#phase}`)];
  }

  protected get isOver(): boolean {
    return this.#phase === 'established' || this.#phase === 'failed';
  }

  protected enter(phase: Phase | 'established'): void {
    this.#phase = phase;
  }

  protected meet(peerName: string): void {
    this.#peerName = peerName;
  }

  protected fail(code: HandshakeErrorCode, message: string): FailedEffect {
    return this.failWith(new HandshakeError(code, message, this.#context()));
  }

  protected failWith(error: HandshakeError): FailedEffect {
    this.#phase = 'failed';
    return { type: 'failed', error };
  }

  /** Runs a codec and the step that follows from it; what the codec refuses ends the handshake. */
  protected step<Message, Effect>(
    decode: (body: Uint8Array) => Message,
    body: Uint8Array,
    next: (message: Message) => readonly Effect[],
  ): readonly (Effect | FailedEffect)[] {
    let message: Message;
    try {
      message = decode(body);
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      const context = { ...error.context, ...this.#context() };
      return [
        this.failWith(
          new HandshakeError(error.code, `${error.message}, in phase ${this.#phase}`, context),
        ),
      ];
    }
    return next(message);
  }

  /** A message in a phase in which it is the owner's turn, or nobody's. */
  protected unexpected(body: Uint8Array): FailedEffect {
    return this.fail(
      'unexpected_message',
      `expected nothing from the peer in phase ${this.#phase}, got ${describeHandshakeMessage(body)}`,
    );
  }

  /** @throws {HandshakeError} `unexpected_message`: the owner ran a step out of turn */
  protected expectPhase(expected: Phase, step: string): void {
    if (this.#phase === expected) return;
    throw new HandshakeError(
      'unexpected_message',
      `${step} belongs to phase ${expected}, but the handshake is in phase ${this.#phase}`,
      this.#context(),
    );
  }

  #context(): { phase: string; node?: string } {
    return this.#peerName === undefined
      ? { phase: this.#phase }
      : { phase: this.#phase, node: this.#peerName };
  }
}

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
      case 'established':
      case 'failed':
        return [];
      default:
        return [this.unexpected(body)];
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
      case 'established':
      case 'failed':
        return [];
      default:
        return [this.unexpected(body)];
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
