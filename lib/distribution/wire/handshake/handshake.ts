/**
 * The conversation that turns a TCP connection into a distribution connection, as two pure state
 * machines: the `HandshakeInitiator` (`initiator.ts`) dialled, the `HandshakeAcceptor` (`acceptor.ts`)
 * was dialled. Here is what they share.
 *
 * Input is a complete message body or a decision of the owner; output is a list of effects that
 * the owner carries out in order. The machines own no socket and no timer: the owner closes the
 * socket after `failed`, and reports a deadline that passed ({@link Handshake.timedOut}) or a
 * socket that closed ({@link Handshake.closed}). Both machines end in `established` or `failed`.
 *
 * @see OTP "Distribution Protocol", Distribution Handshake; source `dist_util.erl`
 */
import { HandshakeError, type HandshakeErrorCode } from '../../errors.ts';
import { describeHandshakeMessage } from './messages.ts';

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
export abstract class Handshake<Phase extends string> {
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
    if (this.#isOver) return [];
    return [this.fail(code, `${what} in phase ${this.#phase}`)];
  }

  get #isOver(): boolean {
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

  /** A message in a phase in which it is the owner's turn; after the end it means nothing. */
  protected unexpected(body: Uint8Array): readonly FailedEffect[] {
    if (this.#isOver) return [];
    const got = describeHandshakeMessage(body);
    const message = `expected nothing from the peer in phase ${this.#phase}, got ${got}`;
    return [this.fail('unexpected_message', message)];
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
