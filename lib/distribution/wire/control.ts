/**
 * Control messages: the tuples `{Operation, …}` that begin every message of a connection and say
 * what it is. Each operation has its number, fields, encoder and decoder in one place.
 *
 * Decoding is strict on form (arity, kinds of the elements) because OTP closes a connection on a
 * malformed control message too; what a well-formed one means for a process that does not exist is
 * for others to say. Trace tokens (the `_TT` operations, under `seq_trace` only) are carried along.
 *
 * @see OTP "Distribution Protocol", Protocol between Connected Nodes; source `dist.c`,
 * `erts_net_message`
 */
import type { ByteReader } from '../bytes/reader.ts';
import { FrameError } from '../errors.ts';
import { Atom } from '../terms/atom.ts';
import type { TermDecoder } from '../terms/decode.ts';
import { Pid } from '../terms/pid.ts';
import { Reference } from '../terms/reference.ts';
import { SMALL_INTEGER_EXT, SMALL_TUPLE_EXT } from '../terms/tags.ts';
import { type Term, Tuple } from '../terms/term.ts';

/** Link request. */
export interface Link {
  readonly operation: 'LINK';
  readonly from: Pid;
  readonly to: Pid;
}

/** Message to a pid from a sender that is not named; the payload is the message. */
export interface Send {
  readonly operation: 'SEND';
  readonly to: Pid;
}

/** The end of a link, where exit reasons do not travel as payload. */
export interface Exit {
  readonly operation: 'EXIT';
  readonly from: Pid;
  readonly to: Pid;
  readonly reason: Term;
}

/** Message to a registered name; the payload is the message. */
export interface RegSend {
  readonly operation: 'REG_SEND';
  readonly from: Pid;
  readonly to: Atom;
}

/** `to` gets a new group leader. */
export interface GroupLeader {
  readonly operation: 'GROUP_LEADER';
  readonly leader: Pid;
  readonly to: Pid;
}

/** `exit(To, Reason)`, where exit reasons do not travel as payload. */
export interface Exit2 {
  readonly operation: 'EXIT2';
  readonly from: Pid;
  readonly to: Pid;
  readonly reason: Term;
}

/** Monitor request for a pid or a registered name. */
export interface MonitorP {
  readonly operation: 'MONITOR_P';
  readonly from: Pid;
  readonly target: Pid | Atom;
  readonly ref: Reference;
}

/** Takes a monitor request back. */
export interface DemonitorP {
  readonly operation: 'DEMONITOR_P';
  readonly from: Pid;
  readonly target: Pid | Atom;
  readonly ref: Reference;
}

/** The end of a monitored process, where exit reasons do not travel as payload. */
export interface MonitorPExit {
  readonly operation: 'MONITOR_P_EXIT';
  /** what the monitor named */
  readonly from: Pid | Atom;
  readonly to: Pid;
  readonly ref: Reference;
  readonly reason: Term;
}

/** Message to a pid; the payload is the message. */
export interface SendSender {
  readonly operation: 'SEND_SENDER';
  readonly from: Pid;
  readonly to: Pid;
}

/** The end of a link; the payload is the reason. */
export interface PayloadExit {
  readonly operation: 'PAYLOAD_EXIT';
  readonly from: Pid;
  readonly to: Pid;
}

/** `exit(To, Reason)`; the payload is the reason. */
export interface PayloadExit2 {
  readonly operation: 'PAYLOAD_EXIT2';
  readonly from: Pid;
  readonly to: Pid;
}

/** The end of a monitored process; the payload is the reason. */
export interface PayloadMonitorPExit {
  readonly operation: 'PAYLOAD_MONITOR_P_EXIT';
  /** what the monitor named */
  readonly from: Pid | Atom;
  readonly to: Pid;
  readonly ref: Reference;
}

/** Request to run `module:function/arity` in a new process; the payload is the argument list. */
export interface SpawnRequest {
  readonly operation: 'SPAWN_REQUEST';
  readonly ref: Reference;
  readonly from: Pid;
  readonly groupLeader: Pid;
  readonly module: Atom;
  readonly function: Atom;
  readonly arity: number;
  readonly options: Term;
}

/** Answer to a spawn request: the new pid, or an atom that says why there is none. */
export interface SpawnReply {
  readonly operation: 'SPAWN_REPLY';
  readonly ref: Reference;
  readonly to: Pid;
  /** bit 0: a link was set up, bit 1: a monitor */
  readonly flags: number;
  readonly result: Pid | Atom;
}

/** Message to a process alias; the payload is the message. */
export interface AliasSend {
  readonly operation: 'ALIAS_SEND';
  readonly from: Pid;
  readonly to: Reference;
}

/** Takes a link back; the receiver acknowledges `id`. */
export interface UnlinkId {
  readonly operation: 'UNLINK_ID';
  /** 1 to 2^64-1 */
  readonly id: number | bigint;
  readonly from: Pid;
  readonly to: Pid;
}

/** Acknowledges an UNLINK_ID. */
export interface UnlinkIdAck {
  readonly operation: 'UNLINK_ID_ACK';
  /** 1 to 2^64-1 */
  readonly id: number | bigint;
  readonly from: Pid;
  readonly to: Pid;
}

/**
 * A message or an exit signal in the form of OTP 28 and later. The payload is the message, or with
 * {@link ALTACT_EXIT} the reason. `to` is a reference with {@link ALTACT_ALIAS}, an atom with
 * {@link ALTACT_NAME}, otherwise a pid. Unknown flag bits and elements are ignored.
 */
export interface AltactSigSend {
  readonly operation: 'ALTACT_SIG_SEND';
  readonly flags: number;
  readonly from: Pid;
  readonly to: Pid | Atom | Reference;
  /** present with {@link ALTACT_TOKEN} */
  readonly token?: Term;
}

/** The signal overtakes ordinary ones. */
export const ALTACT_PRIORITY = 1;
/** A trace token follows. */
export const ALTACT_TOKEN = 2;
/** Addressed to an alias. */
export const ALTACT_ALIAS = 4;
/** Addressed to a registered name. */
export const ALTACT_NAME = 8;
/** An exit signal, not a message. */
export const ALTACT_EXIT = 16;

/** The form of `Message` that carries a trace token. */
type Traced<Message extends { operation: string }> = Omit<Message, 'operation'> & {
  readonly operation: `${Message['operation']}_TT`;
  readonly token: Term;
};

/** Every control message, told apart by its `operation`. */
export type ControlMessage =
  | Link
  | Send
  | Exit
  | RegSend
  | GroupLeader
  | Exit2
  | Traced<Send>
  | Traced<Exit>
  | Traced<RegSend>
  | Traced<Exit2>
  | MonitorP
  | DemonitorP
  | MonitorPExit
  | SendSender
  | Traced<SendSender>
  | PayloadExit
  | Traced<PayloadExit>
  | PayloadExit2
  | Traced<PayloadExit2>
  | PayloadMonitorPExit
  | SpawnRequest
  | Traced<SpawnRequest>
  | SpawnReply
  | Traced<SpawnReply>
  | AliasSend
  | Traced<AliasSend>
  | UnlinkId
  | UnlinkIdAck
  | AltactSigSend;

/** Every operation's name. */
export type Operation = ControlMessage['operation'];

/** Elements of a control tuple, read by position with the kind that must stand there. */
class Fields {
  readonly #elements: readonly Term[];
  readonly #name: string;

  constructor(elements: readonly Term[], name: string) {
    this.#elements = elements;
    this.#name = name;
  }

  pid(position: number): Pid {
    const term = this.#elements[position];
    return term instanceof Pid ? term : this.#wrong(position, 'a pid');
  }

  ref(position: number): Reference {
    const term = this.#elements[position];
    return term instanceof Reference ? term : this.#wrong(position, 'a reference');
  }

  atom(position: number): Atom {
    const term = this.#elements[position];
    return term instanceof Atom ? term : this.#wrong(position, 'an atom');
  }

  pidOrAtom(position: number): Pid | Atom {
    const term = this.#elements[position];
    if (term instanceof Pid || term instanceof Atom) return term;
    return this.#wrong(position, 'a pid or an atom');
  }

  /** A non-negative integer of at most 32 bits. */
  count(position: number): number {
    const term = this.#elements[position];
    if (isCount(term)) return term;
    return this.#wrong(position, 'a small non-negative integer');
  }

  /** A positive integer of at most 64 bits. */
  unlinkId(position: number): number | bigint {
    const term = this.#elements[position];
    if (typeof term === 'number' && Number.isSafeInteger(term) && term > 0) return term;
    if (typeof term === 'bigint' && term > 0n && BigInt.asUintN(64, term) === term) return term;
    return this.#wrong(position, 'an unlink id from 1 to 2^64-1');
  }

  any(position: number): Term {
    return this.#elements[position] ?? this.#wrong(position, 'a term');
  }

  /** `{Module, Function, Arity}`. */
  mfa(position: number): { module: Atom; function: Atom; arity: number } {
    const term = this.#elements[position];
    if (term instanceof Tuple && term.arity === 3) {
      const [module, name, arity] = term.elements;
      if (module instanceof Atom && name instanceof Atom && isCount(arity)) {
        return { module, function: name, arity };
      }
    }
    return this.#wrong(position, '{Module, Function, Arity}');
  }

  #wrong(position: number, expected: string): never {
    const operation = this.#elements[0] as number;
    throw new FrameError(
      'invalid_control_message',
      `expected ${expected} as element ${position + 1} of ${this.#name}, got ${kindOf(this.#elements[position])}`,
      { operation },
    );
  }
}

function isCount(term: Term | undefined): term is number {
  return typeof term === 'number' && term >>> 0 === term;
}

/** What a term is, in a word: contents of a peer's message do not belong in an error. */
function kindOf(term: Term | undefined): string {
  if (term === undefined) return 'nothing';
  return typeof term === 'object' ? term.constructor.name : typeof term;
}

interface Codec<Message> {
  readonly number: number;
  /** elements of the tuple, the number included */
  readonly arity: number;
  /** whether a payload term follows the control message */
  readonly payload: boolean;
  /** the elements after the number */
  readonly encode: (message: Message) => readonly Term[];
  readonly decode: (fields: Fields) => Message;
}

/** What old nodes sent here was the cookie; today it is unused, and whatever stands there ignored. */
const NO_COOKIE = new Atom('');

type MessageOf<Name extends Operation> = Extract<ControlMessage, { operation: Name }>;

const CODECS: { readonly [Name in Operation]: Codec<MessageOf<Name>> } = {
  LINK: {
    number: 1,
    arity: 3,
    payload: false,
    encode: (m) => [m.from, m.to],
    decode: (f) => ({ operation: 'LINK', from: f.pid(1), to: f.pid(2) }),
  },
  SEND: {
    number: 2,
    arity: 3,
    payload: true,
    encode: (m) => [NO_COOKIE, m.to],
    decode: (f) => ({ operation: 'SEND', to: f.pid(2) }),
  },
  EXIT: {
    number: 3,
    arity: 4,
    payload: false,
    encode: (m) => [m.from, m.to, m.reason],
    decode: (f) => ({ operation: 'EXIT', from: f.pid(1), to: f.pid(2), reason: f.any(3) }),
  },
  REG_SEND: {
    number: 6,
    arity: 4,
    payload: true,
    encode: (m) => [m.from, NO_COOKIE, m.to],
    decode: (f) => ({ operation: 'REG_SEND', from: f.pid(1), to: f.atom(3) }),
  },
  GROUP_LEADER: {
    number: 7,
    arity: 3,
    payload: false,
    encode: (m) => [m.leader, m.to],
    decode: (f) => ({ operation: 'GROUP_LEADER', leader: f.pid(1), to: f.pid(2) }),
  },
  EXIT2: {
    number: 8,
    arity: 4,
    payload: false,
    encode: (m) => [m.from, m.to, m.reason],
    decode: (f) => ({ operation: 'EXIT2', from: f.pid(1), to: f.pid(2), reason: f.any(3) }),
  },
  SEND_TT: {
    number: 12,
    arity: 4,
    payload: true,
    encode: (m) => [NO_COOKIE, m.to, m.token],
    decode: (f) => ({ operation: 'SEND_TT', to: f.pid(2), token: f.any(3) }),
  },
  EXIT_TT: {
    number: 13,
    arity: 5,
    payload: false,
    encode: (m) => [m.from, m.to, m.token, m.reason],
    decode: (f) => ({
      operation: 'EXIT_TT',
      from: f.pid(1),
      to: f.pid(2),
      token: f.any(3),
      reason: f.any(4),
    }),
  },
  REG_SEND_TT: {
    number: 16,
    arity: 5,
    payload: true,
    encode: (m) => [m.from, NO_COOKIE, m.to, m.token],
    decode: (f) => ({
      operation: 'REG_SEND_TT',
      from: f.pid(1),
      to: f.atom(3),
      token: f.any(4),
    }),
  },
  EXIT2_TT: {
    number: 18,
    arity: 5,
    payload: false,
    encode: (m) => [m.from, m.to, m.token, m.reason],
    decode: (f) => ({
      operation: 'EXIT2_TT',
      from: f.pid(1),
      to: f.pid(2),
      token: f.any(3),
      reason: f.any(4),
    }),
  },
  MONITOR_P: {
    number: 19,
    arity: 4,
    payload: false,
    encode: (m) => [m.from, m.target, m.ref],
    decode: (f) => ({
      operation: 'MONITOR_P',
      from: f.pid(1),
      target: f.pidOrAtom(2),
      ref: f.ref(3),
    }),
  },
  DEMONITOR_P: {
    number: 20,
    arity: 4,
    payload: false,
    encode: (m) => [m.from, m.target, m.ref],
    decode: (f) => ({
      operation: 'DEMONITOR_P',
      from: f.pid(1),
      target: f.pidOrAtom(2),
      ref: f.ref(3),
    }),
  },
  MONITOR_P_EXIT: {
    number: 21,
    arity: 5,
    payload: false,
    encode: (m) => [m.from, m.to, m.ref, m.reason],
    decode: (f) => ({
      operation: 'MONITOR_P_EXIT',
      from: f.pidOrAtom(1),
      to: f.pid(2),
      ref: f.ref(3),
      reason: f.any(4),
    }),
  },
  SEND_SENDER: {
    number: 22,
    arity: 3,
    payload: true,
    encode: (m) => [m.from, m.to],
    decode: (f) => ({ operation: 'SEND_SENDER', from: f.pid(1), to: f.pid(2) }),
  },
  SEND_SENDER_TT: {
    number: 23,
    arity: 4,
    payload: true,
    encode: (m) => [m.from, m.to, m.token],
    decode: (f) => ({
      operation: 'SEND_SENDER_TT',
      from: f.pid(1),
      to: f.pid(2),
      token: f.any(3),
    }),
  },
  PAYLOAD_EXIT: {
    number: 24,
    arity: 3,
    payload: true,
    encode: (m) => [m.from, m.to],
    decode: (f) => ({ operation: 'PAYLOAD_EXIT', from: f.pid(1), to: f.pid(2) }),
  },
  PAYLOAD_EXIT_TT: {
    number: 25,
    arity: 4,
    payload: true,
    encode: (m) => [m.from, m.to, m.token],
    decode: (f) => ({
      operation: 'PAYLOAD_EXIT_TT',
      from: f.pid(1),
      to: f.pid(2),
      token: f.any(3),
    }),
  },
  PAYLOAD_EXIT2: {
    number: 26,
    arity: 3,
    payload: true,
    encode: (m) => [m.from, m.to],
    decode: (f) => ({ operation: 'PAYLOAD_EXIT2', from: f.pid(1), to: f.pid(2) }),
  },
  PAYLOAD_EXIT2_TT: {
    number: 27,
    arity: 4,
    payload: true,
    encode: (m) => [m.from, m.to, m.token],
    decode: (f) => ({
      operation: 'PAYLOAD_EXIT2_TT',
      from: f.pid(1),
      to: f.pid(2),
      token: f.any(3),
    }),
  },
  PAYLOAD_MONITOR_P_EXIT: {
    number: 28,
    arity: 4,
    payload: true,
    encode: (m) => [m.from, m.to, m.ref],
    decode: (f) => ({
      operation: 'PAYLOAD_MONITOR_P_EXIT',
      from: f.pidOrAtom(1),
      to: f.pid(2),
      ref: f.ref(3),
    }),
  },
  SPAWN_REQUEST: {
    number: 29,
    arity: 6,
    payload: true,
    encode: (m) => [m.ref, m.from, m.groupLeader, mfa(m), m.options],
    decode: (f) => ({
      operation: 'SPAWN_REQUEST',
      ref: f.ref(1),
      from: f.pid(2),
      groupLeader: f.pid(3),
      ...f.mfa(4),
      options: f.any(5),
    }),
  },
  SPAWN_REQUEST_TT: {
    number: 30,
    arity: 7,
    payload: true,
    encode: (m) => [m.ref, m.from, m.groupLeader, mfa(m), m.options, m.token],
    decode: (f) => ({
      operation: 'SPAWN_REQUEST_TT',
      ref: f.ref(1),
      from: f.pid(2),
      groupLeader: f.pid(3),
      ...f.mfa(4),
      options: f.any(5),
      token: f.any(6),
    }),
  },
  SPAWN_REPLY: {
    number: 31,
    arity: 5,
    payload: false,
    encode: (m) => [m.ref, m.to, m.flags, m.result],
    decode: (f) => ({
      operation: 'SPAWN_REPLY',
      ref: f.ref(1),
      to: f.pid(2),
      flags: f.count(3),
      result: f.pidOrAtom(4),
    }),
  },
  SPAWN_REPLY_TT: {
    number: 32,
    arity: 6,
    payload: false,
    encode: (m) => [m.ref, m.to, m.flags, m.result, m.token],
    decode: (f) => ({
      operation: 'SPAWN_REPLY_TT',
      ref: f.ref(1),
      to: f.pid(2),
      flags: f.count(3),
      result: f.pidOrAtom(4),
      token: f.any(5),
    }),
  },
  ALIAS_SEND: {
    number: 33,
    arity: 3,
    payload: true,
    encode: (m) => [m.from, m.to],
    decode: (f) => ({ operation: 'ALIAS_SEND', from: f.pid(1), to: f.ref(2) }),
  },
  ALIAS_SEND_TT: {
    number: 34,
    arity: 4,
    payload: true,
    encode: (m) => [m.from, m.to, m.token],
    decode: (f) => ({
      operation: 'ALIAS_SEND_TT',
      from: f.pid(1),
      to: f.ref(2),
      token: f.any(3),
    }),
  },
  UNLINK_ID: {
    number: 35,
    arity: 4,
    payload: false,
    encode: (m) => [m.id, m.from, m.to],
    decode: (f) => ({
      operation: 'UNLINK_ID',
      id: f.unlinkId(1),
      from: f.pid(2),
      to: f.pid(3),
    }),
  },
  UNLINK_ID_ACK: {
    number: 36,
    arity: 4,
    payload: false,
    encode: (m) => [m.id, m.from, m.to],
    decode: (f) => ({
      operation: 'UNLINK_ID_ACK',
      id: f.unlinkId(1),
      from: f.pid(2),
      to: f.pid(3),
    }),
  },
  // The one operation that may grow: its arity is a minimum.
  ALTACT_SIG_SEND: {
    number: 37,
    arity: 4,
    payload: true,
    encode: (m) => (m.token === undefined ? altact(m) : [...altact(m), m.token]),
    decode: (f) => {
      const flags = f.count(1);
      const message = {
        operation: 'ALTACT_SIG_SEND',
        flags,
        from: f.pid(2),
        to: altactTarget(f, flags),
      } as const;
      return flags & ALTACT_TOKEN ? { ...message, token: f.any(4) } : message;
    },
  },
};

function mfa(message: Pick<SpawnRequest, 'module' | 'function' | 'arity'>): Tuple {
  return new Tuple([message.module, message.function, message.arity]);
}

function altact(message: AltactSigSend): Term[] {
  return [message.flags, message.from, message.to];
}

function altactTarget(fields: Fields, flags: number): Pid | Atom | Reference {
  if (flags & ALTACT_ALIAS) return fields.ref(3);
  if (flags & ALTACT_NAME) return fields.atom(3);
  return fields.pid(3);
}

/** The same codec, seen without the type of its own message. */
interface AnyCodec {
  readonly name: Operation;
  readonly number: number;
  readonly arity: number;
  readonly payload: boolean;
  readonly decode: (fields: Fields) => ControlMessage;
}

/** Codecs by their number on the wire; 4 (UNLINK), which OTP 26 and later refuse, has none. */
const BY_NUMBER: readonly (AnyCodec | undefined)[] = indexByNumber();

function indexByNumber(): readonly (AnyCodec | undefined)[] {
  const byNumber: (AnyCodec | undefined)[] = [];
  for (const name of Object.keys(CODECS) as Operation[]) {
    const codec = CODECS[name];
    byNumber[codec.number] = {
      name,
      number: codec.number,
      arity: codec.arity,
      payload: codec.payload,
      decode: codec.decode,
    };
  }
  return byNumber;
}

/** The number of an operation on the wire. */
export function operationNumber(operation: Operation): number {
  return CODECS[operation].number;
}

/** Whether a payload term follows the control message. */
export function hasPayload(operation: Operation): boolean {
  return CODECS[operation].payload;
}

/** The tuple of a control message. */
export function encodeControl(message: ControlMessage): Tuple {
  const codec = CODECS[message.operation] as Codec<ControlMessage>;
  return new Tuple([codec.number, ...codec.encode(message)]);
}

/**
 * Reads one of the control messages that make up nearly all traffic, without the tuple around it.
 *
 * @returns `undefined`, with the reader where it was, for every other one and for what is wrong in any way
 */
export function decodeFrequentControl(
  reader: ByteReader,
  terms: TermDecoder,
  atoms: readonly string[] | undefined,
): SendSender | AliasSend | RegSend | undefined {
  const start = reader.offset;
  if (reader.remaining < FREQUENT_HEAD_BYTES || reader.u8() !== SMALL_TUPLE_EXT) {
    reader.rewind(start);
    return undefined;
  }
  const arity = reader.u8();
  const operation = reader.u8() === SMALL_INTEGER_EXT ? reader.u8() : -1;
  const codec = BY_NUMBER[operation];
  if (codec !== undefined && codec.arity === arity) {
    if (operation === 22 || operation === 33) {
      const from = terms.read(atoms);
      const to = terms.read(atoms);
      if (from instanceof Pid) {
        if (operation === 22 && to instanceof Pid) return { operation: 'SEND_SENDER', from, to };
        if (operation === 33 && to instanceof Reference) {
          return { operation: 'ALIAS_SEND', from, to };
        }
      }
    } else if (operation === 6) {
      const from = terms.read(atoms);
      terms.read(atoms);
      const to = terms.read(atoms);
      if (from instanceof Pid && to instanceof Atom) return { operation: 'REG_SEND', from, to };
    }
  }
  reader.rewind(start);
  return undefined;
}

/** Tag and arity of the tuple, tag and value of the operation. */
const FREQUENT_HEAD_BYTES = 4;

/**
 * Reads a control message from its tuple.
 *
 * @throws {FrameError} `invalid_control_message`, with the operation's number where there is one
 */
export function decodeControl(term: Term): ControlMessage {
  if (!(term instanceof Tuple)) {
    throw new FrameError(
      'invalid_control_message',
      `expected a tuple as control message, got ${kindOf(term)}`,
    );
  }
  const { elements } = term;
  const operation = elements[0];
  if (!isCount(operation)) {
    throw new FrameError(
      'invalid_control_message',
      `expected an operation number, got ${kindOf(operation)}`,
    );
  }
  const codec = BY_NUMBER[operation];
  if (codec === undefined) {
    throw new FrameError(
      'invalid_control_message',
      `expected an operation of the protocol, got ${operation}${operation === 4 ? ' (UNLINK, replaced by UNLINK_ID)' : ''}`,
      { operation },
    );
  }
  const mayGrow = codec.name === 'ALTACT_SIG_SEND';
  if (mayGrow ? elements.length < codec.arity : elements.length !== codec.arity) {
    throw new FrameError(
      'invalid_control_message',
      `expected ${mayGrow ? 'at least ' : ''}${codec.arity} elements in ${codec.name}, got ${elements.length}`,
      { operation },
    );
  }
  return codec.decode(new Fields(elements, codec.name));
}
