/**
 * Signals of processes ⇄ control messages of the wire. What the peer's flags allow decides which
 * of two forms an outgoing signal takes; every form is accepted from the peer, because what it
 * queued before the connection was up may still be in the old one.
 */
import { FrameError } from '../errors.ts';
import type { Signal } from '../process/signals.ts';
import { type Atom, atom } from '../terms/atom.ts';
import type { EncodedTerm } from '../terms/encode.ts';
import { Pid } from '../terms/pid.ts';
import { Reference } from '../terms/reference.ts';
import { type Term, Tuple } from '../terms/term.ts';
import { encodeControl, operationNumber } from '../wire/control/control.ts';
import {
  ALTACT_ALIAS,
  ALTACT_EXIT,
  type AltactSigSend,
  type ControlMessage,
} from '../wire/control/messages.ts';
import {
  DFLAG_ALIAS,
  DFLAG_DIST_MONITOR,
  DFLAG_DIST_MONITOR_NAME,
  DFLAG_EXIT_PAYLOAD,
  DFLAG_SEND_SENDER,
  DFLAG_SPAWN,
  hasFlag,
} from '../wire/flags.ts';

/** A control tuple, and the payload for the operations that carry one. */
export interface Encoded {
  readonly control: Tuple;
  readonly payload?: Term | EncodedTerm;
}

/** Which forms the peer understands. */
export interface SignalForms {
  /** messages to pids name their sender */
  readonly sendSender: boolean;
  /** exit reasons travel as payload */
  readonly exitPayload: boolean;
  /** processes can be monitored; with a simple peer a monitor watches over the connection alone */
  readonly monitors: boolean;
  /** messages can be sent to aliases */
  readonly aliases: boolean;
  /** processes can be asked for */
  readonly spawn: boolean;
}

/**
 * The forms that both sides understand.
 *
 * @param flags what the handshake agreed on
 */
export function signalForms(flags: bigint): SignalForms {
  return {
    sendSender: hasFlag(flags, DFLAG_SEND_SENDER),
    exitPayload: hasFlag(flags, DFLAG_EXIT_PAYLOAD),
    monitors: hasFlag(flags, DFLAG_DIST_MONITOR | DFLAG_DIST_MONITOR_NAME),
    aliases: hasFlag(flags, DFLAG_ALIAS),
    spawn: hasFlag(flags, DFLAG_SPAWN),
  };
}

/**
 * Whether the peer knows the operation of a signal at all. One that it does not know would make it
 * close the connection, so the signal is dropped. Source: OTP `dist.c`, erts_dsig_send_monitor.
 */
export function isUnderstood({ type }: Signal, forms: SignalForms): boolean {
  if (type === 'send_alias') return forms.aliases;
  if (type === 'spawn_request') return forms.spawn;
  // It needs operation 37, which we do not offer.
  if (type === 'exit_alias') return false;
  return forms.monitors || !(type === 'monitor' || type === 'demonitor' || type === 'down');
}

const SEND_SENDER = operationNumber('SEND_SENDER');
const ALIAS_SEND = operationNumber('ALIAS_SEND');
const MONITOR_P = operationNumber('MONITOR_P');
const DEMONITOR_P = operationNumber('DEMONITOR_P');

/** The control message for a signal. The tuples of the frequent ones are built without a detour. */
export function controlOf(signal: Signal, forms: SignalForms): Encoded {
  switch (signal.type) {
    case 'send': {
      const control = forms.sendSender
        ? new Tuple([SEND_SENDER, signal.from, signal.to])
        : encodeControl({ operation: 'SEND', to: signal.to });
      return { control, payload: signal.encoded ?? signal.message };
    }
    case 'send_alias':
      return {
        control: new Tuple([ALIAS_SEND, signal.from, signal.to]),
        payload: signal.message,
      };
    case 'send_name':
      return {
        control: encodeControl({ operation: 'REG_SEND', from: signal.from, to: signal.to }),
        payload: signal.message,
      };
    case 'monitor':
      return { control: new Tuple([MONITOR_P, signal.from, signal.target, signal.ref]) };
    case 'demonitor':
      return { control: new Tuple([DEMONITOR_P, signal.from, signal.target, signal.ref]) };
    default:
      return rareControlOf(signal, forms);
  }
}

type RareSignal = Exclude<
  Signal,
  { type: 'send' | 'send_alias' | 'send_name' | 'monitor' | 'demonitor' }
>;

function rareControlOf(signal: RareSignal, forms: SignalForms): Encoded {
  switch (signal.type) {
    case 'link':
      return { control: encodeControl({ operation: 'LINK', from: signal.from, to: signal.to }) };
    case 'unlink': {
      const { id, from, to } = signal;
      return { control: encodeControl({ operation: 'UNLINK_ID', id, from, to }) };
    }
    case 'unlink_ack': {
      const { id, from, to } = signal;
      return { control: encodeControl({ operation: 'UNLINK_ID_ACK', id, from, to }) };
    }
    case 'exit_link': {
      const { from, to, reason } = signal;
      return forms.exitPayload
        ? { control: encodeControl({ operation: 'PAYLOAD_EXIT', from, to }), payload: reason }
        : { control: encodeControl({ operation: 'EXIT', from, to, reason }) };
    }
    case 'exit': {
      const { from, to, reason } = signal;
      return forms.exitPayload
        ? { control: encodeControl({ operation: 'PAYLOAD_EXIT2', from, to }), payload: reason }
        : { control: encodeControl({ operation: 'EXIT2', from, to, reason }) };
    }
    case 'exit_alias': {
      const { from, to, reason } = signal;
      const flags = ALTACT_EXIT | ALTACT_ALIAS;
      return {
        control: encodeControl({ operation: 'ALTACT_SIG_SEND', flags, from, to }),
        payload: reason,
      };
    }
    case 'down': {
      const { from, to, ref, reason } = signal;
      return forms.exitPayload
        ? {
            control: encodeControl({ operation: 'PAYLOAD_MONITOR_P_EXIT', from, to, ref }),
            payload: reason,
          }
        : { control: encodeControl({ operation: 'MONITOR_P_EXIT', from, to, ref, reason }) };
    }
    case 'group_leader': {
      const { leader, to } = signal;
      return { control: encodeControl({ operation: 'GROUP_LEADER', leader, to }) };
    }
    case 'spawn_request': {
      const { ref, from, groupLeader, arity, options, args } = signal;
      const module = atom(signal.module);
      const fun = { module, function: atom(signal.function), arity };
      return {
        control: encodeControl({
          operation: 'SPAWN_REQUEST',
          ref,
          from,
          groupLeader,
          ...fun,
          options,
        }),
        payload: args,
      };
    }
    case 'spawn_reply': {
      const { ref, to, flags, result } = signal;
      return { control: encodeControl({ operation: 'SPAWN_REPLY', ref, to, flags, result }) };
    }
  }
}

/** What arrived in one message. */
export interface WireMessage {
  readonly control: ControlMessage;
  /** there iff the operation carries one */
  readonly payload: Term | undefined;
}

/**
 * The signal of a control message, whichever form it has.
 *
 * @param nobody stands for the sender of a SEND, which names none
 * @throws {FrameError} `invalid_control_message` when a link, unlink, exit or monitor claims to
 *   come from a process of another node: OTP closes the connection on that
 */
export function signalOf(message: WireMessage, peer: string, nobody: Pid): Signal {
  const { control } = message;
  switch (control.operation) {
    case 'SEND_SENDER':
    case 'SEND_SENDER_TT':
      return { type: 'send', from: control.from, to: control.to, message: payloadOf(message) };
    case 'SEND':
    case 'SEND_TT':
      return { type: 'send', from: nobody, to: control.to, message: payloadOf(message) };
    case 'REG_SEND':
    case 'REG_SEND_TT':
      return { type: 'send_name', from: control.from, to: control.to, message: payloadOf(message) };
    case 'ALIAS_SEND':
    case 'ALIAS_SEND_TT':
      return {
        type: 'send_alias',
        from: control.from,
        to: control.to,
        message: payloadOf(message),
      };
    case 'ALTACT_SIG_SEND':
      return altactSignal(control, payloadOf(message));
    case 'LINK':
      return { type: 'link', from: ofPeer(control.from, peer), to: control.to };
    case 'UNLINK_ID':
      return { type: 'unlink', id: control.id, from: ofPeer(control.from, peer), to: control.to };
    case 'UNLINK_ID_ACK':
      return {
        type: 'unlink_ack',
        id: control.id,
        from: ofPeer(control.from, peer),
        to: control.to,
      };
    case 'EXIT':
    case 'EXIT_TT':
      return {
        type: 'exit_link',
        from: ofPeer(control.from, peer),
        to: control.to,
        reason: control.reason,
      };
    case 'PAYLOAD_EXIT':
    case 'PAYLOAD_EXIT_TT':
      return {
        type: 'exit_link',
        from: ofPeer(control.from, peer),
        to: control.to,
        reason: payloadOf(message),
      };
    case 'EXIT2':
    case 'EXIT2_TT':
      return { type: 'exit', from: control.from, to: control.to, reason: control.reason };
    case 'PAYLOAD_EXIT2':
    case 'PAYLOAD_EXIT2_TT':
      return { type: 'exit', from: control.from, to: control.to, reason: payloadOf(message) };
    case 'MONITOR_P': {
      const { target, ref } = control;
      return { type: 'monitor', from: ofPeer(control.from, peer), target, ref };
    }
    case 'DEMONITOR_P': {
      const { target, ref } = control;
      return { type: 'demonitor', from: ofPeer(control.from, peer), target, ref };
    }
    case 'MONITOR_P_EXIT': {
      const { to, ref, reason } = control;
      return { type: 'down', from: ofPeer(control.from, peer), to, ref, reason };
    }
    case 'PAYLOAD_MONITOR_P_EXIT': {
      const { to, ref } = control;
      const reason = payloadOf(message);
      return { type: 'down', from: ofPeer(control.from, peer), to, ref, reason };
    }
    case 'GROUP_LEADER':
      return { type: 'group_leader', leader: control.leader, to: control.to };
    case 'SPAWN_REQUEST':
    case 'SPAWN_REQUEST_TT': {
      const { ref, groupLeader, arity, options } = control;
      return {
        type: 'spawn_request',
        ref,
        from: ofPeer(control.from, peer),
        groupLeader,
        module: control.module.name,
        function: control.function.name,
        arity,
        options,
        args: payloadOf(message),
      };
    }
    case 'SPAWN_REPLY':
    case 'SPAWN_REPLY_TT': {
      const { ref, to, flags, result } = control;
      return { type: 'spawn_reply', ref, to, flags, result };
    }
  }
}

function altactSignal(control: AltactSigSend, payload: Term): Signal {
  const { from, to } = control;
  if ((control.flags & ALTACT_EXIT) !== 0) {
    if (to instanceof Pid) return { type: 'exit', from, to, reason: payload };
    if (to instanceof Reference) return { type: 'exit_alias', from, to, reason: payload };
  }
  if (to instanceof Pid) return { type: 'send', from, to, message: payload };
  if (to instanceof Reference) return { type: 'send_alias', from, to, message: payload };
  return { type: 'send_name', from, to, message: payload };
}

/** The decoder has read a payload for exactly the operations that have one. */
function payloadOf({ control, payload }: WireMessage): Term {
  if (payload !== undefined) return payload;
  throw new FrameError(
    'invalid_control_message',
    `expected a payload after ${control.operation}, got none`,
    { operation: operationNumber(control.operation) },
  );
}

/** A name in place of the pid is always the peer's own. */
function ofPeer<From extends Pid | Atom>(from: From, peer: string): From {
  if (!(from instanceof Pid) || from.node === peer) return from;
  throw new FrameError(
    'invalid_control_message',
    `expected a process of ${peer} as the sender of the signal, got one of ${from.node}`,
    { node: peer },
  );
}
