/**
 * One attempt at a connection: a socket, the handshake that runs over it, and its deadlines.
 *
 * ```
 *   outbound: dialling ──▶ handshake ──▶ established        inbound: handshake ──▶ established
 *                │             │  ╲ nok                                  │
 *                │             │   ▼                                     │
 *                │             │  parked (the peer's own attempt         │
 *                │             │   │      is to replace this one)        │
 *                ▼             ▼   ▼                                     ▼
 *               ended: failed, aborted by us, or abandoned for the peer's attempt
 * ```
 *
 * Every step has `setupTimeMs`, as in OTP. A step ends with a complete message, of which there are at
 * most three from either side, so a peer that sends a byte now and then cannot keep a socket.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { ConnectionError, DistributionError, FrameError, HandshakeError } from '../errors.ts';
import { FrameParser, frame } from '../wire/frame.ts';
import { type AcceptorEffect, HandshakeAcceptor } from '../wire/handshake/acceptor.ts';
import type { HandshakePeer } from '../wire/handshake/handshake.ts';
import { HandshakeInitiator, type InitiatorEffect } from '../wire/handshake/initiator.ts';
import { MAX_HANDSHAKE_MESSAGE_BYTES } from '../wire/handshake/messages.ts';
import type { InboundDecision } from './connection-table.ts';
import type { Dial } from './dial.ts';
import type { NodeIdentity } from './identity.ts';

/** An established attempt hands over its socket and the bytes that came after the handshake. */
export interface Established extends HandshakePeer {
  readonly socket: Socket;
  readonly parser: FrameParser;
}

/** What an attempt asks and tells the connections that it may become one of. */
export interface AttemptOwner {
  decideInbound(peer: string, attempt: Attempt): InboundDecision;
  cookieFor(peer: string): string;
  answerAlive(peer: string, attempt: Attempt): boolean;
  /** @returns whether the attempt still counts once an older connection has ended */
  verified(peer: string, attempt: Attempt): boolean;
  established(attempt: Attempt, established: Established): void;
  /** called once, unless the attempt was abandoned or established */
  failed(attempt: Attempt, error: DistributionError): void;
}

/** Deadlines of a connection attempt. */
export interface AttemptTimes {
  /** for the look-up, the TCP connection and every handshake message */
  readonly setupTimeMs: number;
}

type Machine =
  | { readonly side: 'initiator'; readonly handshake: HandshakeInitiator }
  | { readonly side: 'acceptor'; readonly handshake: HandshakeAcceptor };

interface Target {
  readonly peer: string;
  readonly dial: Dial;
}

export class Attempt {
  readonly direction: 'in' | 'out';
  readonly #identity: NodeIdentity;
  readonly #owner: AttemptOwner;
  readonly #times: AttemptTimes;
  readonly #target: Target | undefined;
  readonly #dialAbort = new AbortController();
  readonly #parser = new FrameParser({
    prefixBytes: 2,
    maxFrameBytes: MAX_HANDSHAKE_MESSAGE_BYTES,
  });
  #socket: Socket | undefined;
  #machine: Machine | undefined;
  #stepTimer: NodeJS.Timeout | undefined;
  #socketError: Error | undefined;
  #ended = false;
  #aborted = false;

  private constructor(
    identity: NodeIdentity,
    owner: AttemptOwner,
    times: AttemptTimes,
    from: Target | Socket,
  ) {
    this.#identity = identity;
    this.#owner = owner;
    this.#times = times;
    if ('dial' in from) {
      this.direction = 'out';
      this.#target = from;
    } else {
      this.direction = 'in';
      this.#socket = from;
    }
  }

  static outbound(
    identity: NodeIdentity,
    owner: AttemptOwner,
    peer: string,
    dial: Dial,
    times: AttemptTimes,
  ): Attempt {
    return new Attempt(identity, owner, times, { peer, dial });
  }

  static inbound(
    identity: NodeIdentity,
    owner: AttemptOwner,
    socket: Socket,
    times: AttemptTimes,
  ): Attempt {
    return new Attempt(identity, owner, times, socket);
  }

  /** The node dialled, or the name that an inbound peer claims; unknown before it has said so. */
  get peer(): string | undefined {
    return this.#target?.peer ?? this.#machine?.handshake.peerName;
  }

  get remoteAddress(): string | undefined {
    return this.#socket?.remoteAddress;
  }

  /** Whether it was we who gave the attempt up. */
  get isAborted(): boolean {
    return this.#aborted;
  }

  begin(): void {
    if (this.#target !== undefined) {
      void this.#dial(this.#target);
      return;
    }
    const self = this.#identity;
    const handshake = new HandshakeAcceptor({ self, challenge: newChallenge() });
    this.#machine = { side: 'acceptor', handshake };
    this.#attach(this.#socket!);
  }

  /** Gives up and reports `error` as the failure. */
  abort(error: DistributionError): void {
    this.#aborted = true;
    this.#fail(error);
  }

  /** Gives way to the peer's own attempt, which takes this one's place: nothing is reported. */
  abandon(): void {
    if (this.#ended) return;
    this.#release()?.destroy();
  }

  async #dial({ peer, dial }: Target): Promise<void> {
    let socket: Socket;
    try {
      socket = await dial(peer, this.#times.setupTimeMs, this.#dialAbort.signal);
    } catch (error) {
      this.#fail(asDistributionError(error, peer));
      return;
    }
    if (this.#ended) {
      socket.destroy();
      return;
    }
    if (socket.destroyed) {
      const message = `cannot reach ${peer}: the socket closed as soon as it was open`;
      this.#fail(new ConnectionError('unreachable', message, { node: peer }));
      return;
    }
    this.#socket = socket;
    const handshake = new HandshakeInitiator({
      self: this.#identity,
      peerName: peer,
      cookie: this.#owner.cookieFor(peer),
      challenge: newChallenge(),
    });
    this.#machine = { side: 'initiator', handshake };
    this.#attach(socket);
    this.#perform(handshake.start());
  }

  #attach(socket: Socket): void {
    socket.on('data', this.#onData);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.resume();
    this.#startStep();
  }

  #startStep(): void {
    clearTimeout(this.#stepTimer);
    this.#stepTimer = setTimeout(this.#onTimeout, this.#times.setupTimeMs);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    try {
      this.#parser.push(chunk);
      // Over once established: what follows in the parser belongs to the connection.
      for (let body = this.#parser.next(); body !== undefined; body = this.#parser.next()) {
        this.#startStep();
        const { handshake } = this.#machine!;
        this.#perform(handshake.receive(body));
        if (this.#ended) return;
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#fail(
        new HandshakeError('invalid_message', `${error.message}, in the handshake`, {
          cause: error,
          ...(this.peer === undefined ? {} : { node: this.peer }),
        }),
      );
    }
  };

  readonly #onError = (error: Error): void => {
    this.#socketError = error;
  };

  readonly #onClose = (): void => {
    const handshake = this.#machine!.handshake;
    // A peer that finds our digest wrong says nothing and closes.
    if (handshake.phase === 'awaiting_challenge_ack' && this.peer !== undefined) {
      const message = `${this.peer} closed the socket at our digest: most likely its cookie is another`;
      this.#fail(
        new HandshakeError('bad_cookie', message, { node: this.peer, phase: handshake.phase }),
      );
      return;
    }
    this.#performEnd(handshake.closed());
  };

  readonly #onTimeout = (): void => {
    const machine = this.#machine;
    if (machine !== undefined) this.#performEnd(machine.handshake.timedOut());
  };

  /** Carries out what ended the handshake; a parked attempt's machine has ended before. */
  #performEnd(effects: readonly (InitiatorEffect | AcceptorEffect)[]): void {
    this.#perform(effects);
    if (this.#ended) return;
    this.#fail(
      new HandshakeError('nok', `${this.peer} did not follow up on its own attempt to connect`, {
        ...(this.peer === undefined ? {} : { node: this.peer }),
      }),
    );
  }

  #perform(effects: readonly (InitiatorEffect | AcceptorEffect)[]): void {
    for (const effect of effects) {
      if (this.#ended) return;
      switch (effect.type) {
        case 'send':
          this.#socket!.write(frame(effect.body, 2));
          break;
        case 'ask_alive':
          this.#answerAlive();
          break;
        case 'ask_table':
          this.#askTable(effect.peerName);
          break;
        case 'verified':
          this.#complete(effect.peer.name);
          break;
        case 'established':
          this.#establish(effect.peer);
          break;
        case 'failed':
          if (effect.error.code === 'nok' && this.#target !== undefined) this.#park();
          else this.#fail(effect.error);
          break;
      }
    }
  }

  #answerAlive(): void {
    if (this.#machine?.side !== 'initiator') return;
    const { handshake } = this.#machine;
    this.#perform(handshake.answerAlive(this.#owner.answerAlive(this.#target!.peer, this)));
  }

  #askTable(peer: string): void {
    if (this.#machine?.side !== 'acceptor') return;
    const { handshake } = this.#machine;
    const status = this.#owner.decideInbound(peer, this);
    const decision =
      status === 'nok' || status === 'refuse'
        ? { status }
        : { status, cookie: this.#owner.cookieFor(peer) };
    this.#perform(handshake.decide(decision));
  }

  #complete(peer: string): void {
    if (this.#machine?.side !== 'acceptor') return;
    if (this.#owner.verified(peer, this)) this.#perform(this.#machine.handshake.complete());
    else this.#fail(new ConnectionError('closed', `the attempt of ${peer} was overtaken`));
  }

  #establish(peer: HandshakePeer): void {
    const socket = this.#release();
    if (socket !== undefined) {
      this.#owner.established(this, { ...peer, socket, parser: this.#parser });
    }
  }

  /**
   * The peer keeps its own attempt, which is on its way to us: ours has no use for its socket, but
   * keeps its place in the table until the other arrives there or the time for it is up.
   */
  #park(): void {
    const socket = this.#socket!;
    this.#detach(socket);
    socket.end();
    this.#startStep();
  }

  #fail(error: DistributionError): void {
    if (this.#ended) return;
    const refusal = this.#socketError === undefined ? error : withCause(error, this.#socketError);
    const socket = this.#release();
    // The last message, such as a status of refusal, still has to reach the peer.
    socket?.destroySoon();
    this.#owner.failed(this, refusal);
  }

  /** Ends the attempt's hold on everything; returns the socket, which nobody listens to any more. */
  #release(): Socket | undefined {
    this.#ended = true;
    this.#dialAbort.abort();
    clearTimeout(this.#stepTimer);
    const socket = this.#socket;
    if (socket !== undefined) this.#detach(socket);
    return socket;
  }

  #detach(socket: Socket): void {
    socket.off('data', this.#onData);
    socket.off('close', this.#onClose);
    socket.off('error', this.#onError);
    // Whoever takes the socket over adds a listener of his own; until then an error ends it quietly.
    socket.on('error', ignoreErrorAfterHandshake);
  }
}

function ignoreErrorAfterHandshake(): void {}

function newChallenge(): number {
  return randomBytes(4).readUInt32BE(0);
}

function asDistributionError(error: unknown, node: string): DistributionError {
  if (error instanceof DistributionError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new ConnectionError('unreachable', `cannot reach ${node}: ${why}`, { node, cause: error });
}

function withCause(error: DistributionError, cause: Error): DistributionError {
  if (error.cause !== undefined) return error;
  error.cause = cause;
  return error;
}
