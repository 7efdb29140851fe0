/** What the control messages are: one type for each operation, and the flags of `ALTACT_SIG_SEND`. */
import type { Atom } from '../../terms/atom.ts';
import type { Pid } from '../../terms/pid.ts';
import type { Reference } from '../../terms/reference.ts';
import type { Term } from '../../terms/term.ts';

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
