import { ByteWriter } from '../bytes/writer.ts';
import type { Signal } from '../process/signals.ts';
import type { Atom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import type { Fragment, MessageEncoder } from '../wire/message-encoder.ts';
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
  later: WaitingFragment | undefined;
}

/**
 * What one process has still to send: the rest of a large message, and what it sent after that. A list, so that
 * what has gone is let go of: a process that sends as fast as the peer reads has a lane that never ends.
 */
interface Lane {
  readonly sender: string;
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
  readonly #laneOf = new Map<string, Lane>();
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
      const fragments = this.#encoder.encodeInto(this.#out, control, payload);
      if (fragments !== undefined) this.#addFragments(sender, fragments);
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
    this.#laneOf.clear();
    this.#laneBytes = 0;
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
      const { later } = waiting;
      lane.first = later;
      socket.write(waiting.head);
      for (const part of waiting.parts) socket.write(part);
      written += bytesOf(waiting);
      if (later !== undefined) this.#lanes.push(lane);
      else this.#laneOf.delete(lane.sender);
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
    const lane: Lane = { sender, first: undefined, last: undefined };
    this.#append(lane, later);
    this.#lanes.push(lane);
    this.#laneOf.set(sender, lane);
  }

  #append(lane: Lane, fragments: readonly Fragment[]): void {
    for (const { head, parts } of fragments) {
      const waiting: WaitingFragment = { head, parts, later: undefined };
      if (lane.last === undefined) lane.first = waiting;
      else lane.last.later = waiting;
      lane.last = waiting;
      this.#laneBytes += bytesOf(waiting);
    }
  }
}

function bytesOf({ head, parts }: Fragment): number {
  let bytes = head.length;
  for (const part of parts) bytes += part.length;
  return bytes;
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
