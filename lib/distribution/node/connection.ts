/**
 * One connection with a peer, from the end of the handshake to its close. Owns the socket.
 *
 * In: chunks → frames → control messages → signals, handed to `onSignal` in order within the chunk's own
 * event, so nothing piles up on our side but one incomplete frame, and TCP holds the peer back
 * while we are busy. Out: messages are gathered and written together (`flush-timing.ts`); large ones let
 * others pass (`outbox.ts`). What the socket has not taken yet is bounded: beyond `maxQueuedBytes` the connection ends.
 *
 * ```
 *   up ── close(reason) | socket ended | protocol error | tick timeout ──▶ closed
 *    ╲                                                                       ▲
 *     ╰─ maxQueuedBytes exceeded ──▶ full ── end of the sender's turn ───────╯
 * ```
 *
 * `onClose` is called exactly once, synchronously with the change to `closed`; never from within
 * `send`, whose caller may be in the midst of sending to many.
 */
import type { Socket } from 'node:net';
import type { Signal } from '../process/signals.ts';
import { atom } from '../terms/atom.ts';
import type { Pid } from '../terms/pid.ts';
import { type FrameParser, TICK_FRAME } from '../wire/frame.ts';
import type { MessageDecoder } from '../wire/message-decoder.ts';
import type { MessageEncoder } from '../wire/message-encoder.ts';
import { FlushTiming } from './flush-timing.ts';
import { INITIAL_TICK_STATE, look, TICK_INTENSITY, type TickState } from './net-tick.ts';
import { Outbox } from './outbox.ts';
import { isUnderstood, type SignalForms, signalOf } from './signal-codec.ts';

/** Why a connection ended; `protocol_error` comes with the error. */
export type CloseReason =
  | 'connection_closed'
  | 'net_tick_timeout'
  | 'disconnect'
  | 'protocol_error'
  | 'send_queue_full'
  | 'superseded'
  | 'shutdown';

export interface ConnectionOptions {
  readonly id: number;
  readonly peer: string;
  readonly peerCreation: number;
  readonly visible: boolean;
  readonly socket: Socket;
  readonly parser: FrameParser;
  readonly encoder: MessageEncoder;
  readonly decoder: MessageDecoder;
  readonly netTickTimeMs: number;
  /** bytes that the socket has not taken, beyond which {@link Connection.isBusy} holds */
  readonly highWaterMarkBytes: number;
  /** bytes that the socket has not taken, beyond which the connection ends */
  readonly maxQueuedBytes: number;
  readonly forms: SignalForms;
  /** stands for a sender that a message does not name */
  readonly nobody: Pid;
  readonly onSignal: (signal: Signal) => void;
  readonly onClose: (reason: CloseReason, error: Error | undefined) => void;
}

/** How long a closed connection may take to hand its last bytes to the peer. */
const LINGER_MS = 1_000;

const NOTSUP = atom('notsup');

export class Connection {
  readonly id: number;
  readonly peer: string;
  readonly peerCreation: number;
  readonly visible: boolean;
  readonly connectedAt: number;

  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  #state: 'up' | 'full' | 'closed' = 'up';
  #started = false;

  readonly #outbox: Outbox;
  readonly #timing = new FlushTiming(() => this.#flush());
  #writableWaiters: (() => void)[] = [];

  #bytesReceived = 0;
  #bytesWritten = 0;
  #tickState: TickState = INITIAL_TICK_STATE;
  readonly #tickTimer: NodeJS.Timeout;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.id = options.id;
    this.peer = options.peer;
    this.peerCreation = options.peerCreation;
    this.visible = options.visible;
    this.connectedAt = Date.now();
    this.#socket = options.socket;
    this.#outbox = new Outbox(options.encoder, options.forms);
    this.#socket.on('data', this.#onData);
    this.#socket.on('drain', this.#onDrain);
    this.#socket.on('error', this.#onError);
    this.#socket.on('end', this.#onSocketClose);
    this.#socket.on('close', this.#onSocketClose);
    this.#tickTimer = setInterval(this.#onLook, options.netTickTimeMs / TICK_INTENSITY);
    this.#tickTimer.unref();
  }

  get isUp(): boolean {
    return this.#state !== 'closed';
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** Bytes accepted by {@link send} that the socket has not taken yet. */
  get bytesQueued(): number {
    return this.#outbox.bytes + this.#socket.writableLength;
  }

  /** Whether the peer reads more slowly than we send: a cooperative sender waits for {@link whenWritable}. */
  get isBusy(): boolean {
    return this.bytesQueued > this.#options.highWaterMarkBytes;
  }

  /** Resolves when the queue has drained below the high-water mark, or when the connection ends. */
  whenWritable(): Promise<void> {
    if (this.#state === 'closed' || !this.isBusy) return Promise.resolve();
    // The socket has it all, and will not say when it is done: what it holds is little, if more than the mark.
    if (this.#outbox.bytes === 0 && !this.#socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#writableWaiters.push(resolve));
  }

  /**
   * Reads on: first what arrived in the handshake's last chunk. Called once, after the node has
   * entered the connection and its listeners have sent what must come first.
   */
  start(): void {
    this.#started = true;
    this.#timing.react(this.#drainFrames);
    if (this.#state === 'up') this.#socket.resume();
  }

  /**
   * Queues a signal, to be written with others by the end of this turn of the event loop; one that the
   * peer would not understand is dropped, and a request answered in its place.
   *
   * @throws {TermError} `unencodable` for what is no term; the connection remains usable
   */
  send(signal: Signal): void {
    const { forms } = this.#options;
    if (this.#state !== 'up') return;
    if (!isUnderstood(signal, forms)) {
      if (signal.type === 'spawn_request') queueMicrotask(() => this.#refuseToSpawn(signal));
      return;
    }
    this.#outbox.add(signal);
    if (this.bytesQueued > this.#options.maxQueuedBytes) {
      this.#overflow();
      return;
    }
    if (this.#outbox.isAhead(this.#socket)) this.#bytesWritten += this.#outbox.flush(this.#socket);
    else this.#timing.request();
  }

  #refuseToSpawn({ ref, from }: Signal & { readonly type: 'spawn_request' }): void {
    if (this.#state !== 'up') return;
    this.#options.onSignal({ type: 'spawn_reply', ref, to: from, flags: 0, result: NOTSUP });
  }

  /** What was queued in this turn is lost with the connection; what follows is not even encoded. */
  #overflow(): void {
    this.#state = 'full';
    this.#outbox.clear();
    queueMicrotask(() => this.close('send_queue_full'));
  }

  /** Ends the connection. Queued bytes still go out, but nothing more is read. */
  close(reason: CloseReason, error?: Error): void {
    if (this.#state === 'closed') return;
    if (!isAbrupt(reason)) this.#bytesWritten += this.#outbox.flush(this.#socket, true);
    this.#state = 'closed';
    clearInterval(this.#tickTimer);
    this.#timing.cancel();
    this.#outbox.clear();
    this.#socket.off('data', this.#onData);
    this.#socket.off('drain', this.#onDrain);
    this.#endSocket(reason);
    this.#releaseWriters();
    this.#options.onClose(reason, error);
  }

  #endSocket(reason: CloseReason): void {
    const socket = this.#socket;
    if (isAbrupt(reason)) {
      socket.destroy();
      return;
    }
    // Reading on in flowing mode without a listener discards what still arrives; unread bytes
    // would turn our close into a reset, which may overtake the last bytes that we sent.
    socket.resume();
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('finish', () => socket.destroySoon());
    socket.once('close', () => clearTimeout(timer));
  }

  #flush(): void {
    if (this.#state === 'closed') return;
    this.#bytesWritten += this.#outbox.flush(this.#socket);
    // Only a socket that asked for a pause will say 'drain'.
    if (!this.#socket.writableNeedDrain) {
      if (this.#outbox.hasFragments) this.#timing.request();
      this.#releaseWriters();
    }
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#bytesReceived += chunk.length;
    try {
      this.#options.parser.push(chunk);
    } catch (error) {
      this.#protocolError(error);
      return;
    }
    if (this.#started) this.#timing.react(this.#drainFrames);
  };

  readonly #drainFrames = (): void => {
    const { parser, decoder, nobody, onSignal } = this.#options;
    while (this.#state === 'up') {
      let signal: Signal;
      try {
        if (!parser.advance(decoder.reader, decoder)) return;
        if (decoder.reader.remaining === 0) continue;
        const message = decoder.decodeNext();
        if (message === undefined) continue;
        signal = signalOf(message, this.peer, nobody);
      } catch (error) {
        this.#protocolError(error);
        return;
      }
      onSignal(signal);
    }
  };

  /** Whatever a peer's bytes bring about, a fault of our own included, ends its connection alone. */
  #protocolError(error: unknown): void {
    this.close('protocol_error', error instanceof Error ? error : new Error(String(error)));
  }

  readonly #onLook = (): void => {
    const { state, action } = look(this.#tickState, {
      bytesReceived: this.#bytesReceived,
      bytesWritten: this.#bytesWritten,
      bytesQueued: this.bytesQueued,
    });
    this.#tickState = state;
    if (action === 'timeout') {
      this.close('net_tick_timeout');
    } else if (action === 'tick') {
      this.#socket.write(TICK_FRAME);
    }
  };

  readonly #onDrain = (): void => {
    if (this.#outbox.hasFragments) this.#timing.request();
    if (!this.isBusy) this.#releaseWriters();
  };

  #releaseWriters(): void {
    for (const resolve of this.#writableWaiters.splice(0)) resolve();
  }

  // 'close' follows every 'error' and reports the loss; the error itself is kept as its cause.
  #socketError: Error | undefined;
  readonly #onError = (error: Error): void => {
    this.#socketError = error;
  };

  // Also on 'end': no peer half-closes, and 'close' waits for bytes that nobody there will read.
  readonly #onSocketClose = (): void => {
    this.close('connection_closed', this.#socketError);
  };
}

/** Whether a connection that ends like this takes no more bytes to the peer. */
function isAbrupt(reason: CloseReason): boolean {
  return reason === 'connection_closed' || reason === 'send_queue_full';
}
