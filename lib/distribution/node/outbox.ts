import { ByteWriter } from '../bytes/writer.ts';
import type { Signal } from '../process/signals.ts';
import type { Atom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import { type Fragment, fragmentBytes, type MessageEncoder } from '../wire/message-encoder.ts';
import { controlOf, type SignalForms } from './signal-codec.ts';

/** The part of a socket that an outbox uses. */
export interface Sink {
  /** bytes that were written and not taken by the kernel yet */
  readonly writableLength: number;
  write(bytes: Uint8Array): unknown;
  cork(): void;
  uncork(): void;
}

/** A fragment that waits, and the next one of its lane. */
interface WaitingFragment extends Fragment {
  /** bytes of the message that goes on here, if it is the first of it that waits; else 0 */
  readonly messageBytes: number;
  readonly isLast: boolean;
  later: WaitingFragment | undefined;
}

/**
 * What one process has still to send: the rest of a large message, and what it sent after that. A list, so that
 * what has gone is let go of: a process that sends as fast as the peer reads has a lane that never ends.
 */
interface Lane {
  readonly sender: string;
  /** of the message that has begun */
  openBytes: number;
  first: WaitingFragment | undefined;
  last: WaitingFragment | undefined;
}

const CAPACITY_BYTES = 1024;

/**
 * A burst is not kept until all of it is there: the peer works on its first part while the next is made, and its
 * answers are there when the last is. For calls that wait for each other this is half of their time.
 */
export const AHEAD_BYTES = 2 * 1024;

/**
 * Fragments are handed to the socket up to this many bytes, and the rest when it has taken them. What
 * comes meanwhile waits behind these alone: half a millisecond on a loopback, some 20 ms at 100 Mbit/s. More in
 * one turn takes a fifth less of our time, and only fills the buffers of the kernel, behind which all wait.
 */
export const WINDOW_BYTES = 256 * 1024;

/**
 * So many large messages are under way at a time: a peer has to keep what it has of each. A node of ours does, within
 * `DEFAULT_MESSAGE_DECODER_LIMITS`.
 */
export const MAX_OPEN_MESSAGES = 256;

/** Beyond so many bytes of such messages none is begun: with the largest that there can be, a peer keeps twice this. */
export const MAX_OPEN_BYTES = 128 * 1024 * 1024;

/**
 * What one connection has to send, encoded, in the order in which it may go.
 *
 * Small messages are written into one buffer, which goes out at once with the next {@link Outbox.flush}. Of a
 * large message the first fragment goes with them; the others wait in a lane, and small messages of other
 * processes pass them by. What the same process sends after a large message waits in its lane, as the
 * protocol wants it. It is encoded already, without references into the atom cache, so that the peer can
 * read it whenever it comes.
 */
export class Outbox {
  readonly #encoder: MessageEncoder;
  readonly #forms: SignalForms;
  readonly #out = new ByteWriter(CAPACITY_BYTES);
  /** in the order in which they are served */
  readonly #lanes: Lane[] = [];
  /** those whose next message has not begun, because there are so many */
  readonly #crowd: Lane[] = [];
  readonly #laneOf = new Map<string, Lane>();
  #openBytes = 0;
  #laneBytes = 0;
  #aheadBytes = AHEAD_BYTES;

  constructor(encoder: MessageEncoder, forms: SignalForms) {
    this.#encoder = encoder;
    this.#forms = forms;
  }

  /** Bytes that no socket was given yet. */
  get bytes(): number {
    return this.#out.length + this.#laneBytes;
  }

  /**
   * Whether so much has been gathered that the peer had better begin with it. The amount grows
   * with each time that it was reached in a row, so that a long burst takes few writes.
   */
  isAhead(socket: Sink): boolean {
    if (this.#out.length < this.#aheadBytes || this.#lanes.length > 0) return false;
    return socket.writableLength === 0;
  }

  /** Whether fragments wait for the socket to take those before them. */
  get hasFragments(): boolean {
    return this.#lanes.length > 0;
  }

  /** @throws {TermError} `unencodable` for what is no term; nothing of it is sent */
  add(signal: Signal): void {
    const { control, payload } = controlOf(signal, this.#forms);
    if (this.#lanes.length === 0) {
      const fragments = this.#encoder.encodeInto(this.#out, control, payload);
      if (fragments !== undefined) this.#addFragments(senderOf(signal), fragments);
      return;
    }
    const sender = senderOf(signal);
    const lane = this.#laneOf.get(sender);
    if (lane === undefined) {
      const hasRoom = this.#hasRoom;
      const fragments = this.#encoder.encodeInto(this.#out, control, payload, !hasRoom);
      if (fragments === undefined) return;
      if (hasRoom) this.#addFragments(sender, fragments);
      else this.#crowd.push(this.#addLane(sender, fragments));
      return;
    }
    const whole = new ByteWriter(CAPACITY_BYTES);
    const fragments = this.#encoder.encodeInto(whole, control, payload, true);
    this.#append(lane, fragments ?? [{ head: whole.take(), parts: [] }]);
  }

  /**
   * Writes what may go now.
   *
   * @param all whether fragments do not wait for the socket either: the connection is about to end
   * @returns the number of bytes
   */
  flush(socket: Sink, all = false): number {
    let written = this.#out.length;
    this.#aheadBytes = written < this.#aheadBytes ? AHEAD_BYTES : this.#aheadBytes * 2;
    // Asked before the small messages are written: however many they are, a large one gets on behind them.
    const window = all ? Number.POSITIVE_INFINITY : WINDOW_BYTES;
    const hasRoom = socket.writableLength < window;
    const corked = written > 0 && this.#lanes.length > 0;
    if (corked) socket.cork();
    if (written > 0) this.#writeOut(socket);
    if (hasRoom) written += this.#writeFragments(socket, window);
    if (corked) socket.uncork();
    return written;
  }

  /** Drops everything. */
  clear(): void {
    this.#out.clear();
    this.#lanes.length = 0;
    this.#crowd.length = 0;
    this.#laneOf.clear();
    this.#laneBytes = 0;
    this.#openBytes = 0;
    this.#aheadBytes = AHEAD_BYTES;
  }

  #writeOut(socket: Sink): void {
    const wasEmpty = socket.writableLength === 0;
    socket.write(this.#out.view());
    // Nearly always the kernel has taken all of it, and the buffer serves for the next turn.
    if (wasEmpty && socket.writableLength === 0) this.#out.clear();
    else this.#out.handOver();
  }

  /** At least one, and more up to the window. */
  #writeFragments(socket: Sink, window: number): number {
    let written = 0;
    if (this.#lanes.length === 0) return written;
    socket.cork();
    do {
      const lane = this.#lanes.shift()!;
      const waiting = lane.first!;
      lane.first = waiting.later;
      socket.write(waiting.head);
      for (const part of waiting.parts) socket.write(part);
      written += fragmentBytes(waiting);
      if (waiting.isLast) this.#endMessage(lane);
      else this.#lanes.push(lane);
    } while (this.#lanes.length > 0 && socket.writableLength < window);
    socket.uncork();
    this.#laneBytes -= written;
    return written;
  }

  #addFragments(sender: string, fragments: readonly Fragment[]): void {
    const [first, ...later] = fragments;
    if (first === undefined) return;
    // Its header tells the peer of new atoms, so it keeps its place among all messages.
    this.#out.bytes(first.head);
    for (const part of first.parts) this.#out.bytes(part);
    this.#beginMessage(this.#addLane(sender, later));
  }

  #addLane(sender: string, fragments: readonly Fragment[]): Lane {
    const lane: Lane = { sender, openBytes: 0, first: undefined, last: undefined };
    this.#append(lane, fragments);
    this.#laneOf.set(sender, lane);
    return lane;
  }

  /** Adds one message. */
  #append(lane: Lane, fragments: readonly Fragment[]): void {
    let messageBytes = 0;
    for (const fragment of fragments) messageBytes += fragmentBytes(fragment);
    this.#laneBytes += messageBytes;
    for (let i = 0; i < fragments.length; i++) {
      const { head, parts } = fragments[i]!;
      const isLast = i === fragments.length - 1;
      const waiting: WaitingFragment = { head, parts, messageBytes, isLast, later: undefined };
      if (lane.last === undefined) lane.first = waiting;
      else lane.last.later = waiting;
      lane.last = waiting;
      messageBytes = 0;
    }
  }

  get #hasRoom(): boolean {
    return this.#lanes.length < MAX_OPEN_MESSAGES && this.#openBytes < MAX_OPEN_BYTES;
  }

  #beginMessage(lane: Lane): void {
    lane.openBytes = lane.first!.messageBytes;
    this.#openBytes += lane.openBytes;
    this.#lanes.push(lane);
  }

  /** The next message of the lane begins behind those that wait for it. */
  #endMessage(lane: Lane): void {
    this.#openBytes -= lane.openBytes;
    if (lane.first === undefined) this.#laneOf.delete(lane.sender);
    else this.#crowd.push(lane);
    while (this.#crowd.length > 0 && this.#hasRoom) this.#beginMessage(this.#crowd.shift()!);
  }
}

/**
 * Whose order a signal belongs to. The end of a process is the last of its signals, and the reply to a request
 * to spawn the first. What names no process has an order of its own.
 */
export function senderOf(signal: Signal): string {
  if (signal.type === 'spawn_reply') return keyOf(signal.result);
  if (signal.type === 'group_leader') return '';
  if (signal.type === 'down' && signal.ended !== undefined) return signal.ended.key;
  return keyOf(signal.from);
}

function keyOf(sender: Pid | Atom): string {
  return sender instanceof Pid ? sender.key : '';
}
