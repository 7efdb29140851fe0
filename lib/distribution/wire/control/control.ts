/**
 * Control messages: the tuples `{Operation, …}` that begin every message of a connection and say
 * what it is. Each operation has its number, fields, encoder and decoder in one place, `operations.ts`.
 *
 * Decoding is strict on form (arity, kinds of the elements) because OTP closes a connection on a
 * malformed control message too; what a well-formed one means for a process that does not exist is
 * for others to say. Trace tokens (the `_TT` operations, under `seq_trace` only) are carried along.
 *
 * @see OTP "Distribution Protocol", Protocol between Connected Nodes; source `dist.c`,
 * `erts_net_message`
 */
import type { ByteReader } from '../../bytes/reader.ts';
import { FrameError } from '../../errors.ts';
import { Atom } from '../../terms/atom.ts';
import type { TermDecoder } from '../../terms/decode.ts';
import { Pid } from '../../terms/pid.ts';
import { Reference } from '../../terms/reference.ts';
import { SMALL_INTEGER_EXT, SMALL_TUPLE_EXT } from '../../terms/tags.ts';
import { type Term, Tuple } from '../../terms/term.ts';
import { Fields, isCount, kindOf } from './fields.ts';
import type { AliasSend, ControlMessage, Operation, RegSend, SendSender } from './messages.ts';
import { BY_NUMBER, CODECS, type Codec } from './operations.ts';

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
