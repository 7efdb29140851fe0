/** The operations, one flat table: number, fields, encoder and decoder of each in one place. */
import { Atom } from '../../terms/atom.ts';
import type { Pid } from '../../terms/pid.ts';
import type { Reference } from '../../terms/reference.ts';
import { type Term, Tuple } from '../../terms/term.ts';
import type { Fields } from './fields.ts';
import {
  ALTACT_ALIAS,
  ALTACT_NAME,
  ALTACT_TOKEN,
  type AltactSigSend,
  type ControlMessage,
  type Operation,
  type SpawnRequest,
} from './messages.ts';

/** One operation: its number and shape, with both directions side by side. */
export interface Codec<Message> {
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

/** Every operation. */
export const CODECS: { readonly [Name in Operation]: Codec<MessageOf<Name>> } = {
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
export interface AnyCodec {
  readonly name: Operation;
  readonly number: number;
  readonly arity: number;
  readonly payload: boolean;
  readonly decode: (fields: Fields) => ControlMessage;
}

/** Codecs by their number on the wire; 4 (UNLINK), which OTP 26 and later refuse, has none. */
export const BY_NUMBER: readonly (AnyCodec | undefined)[] = indexByNumber();

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
