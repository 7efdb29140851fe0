/**
 * The signals that processes exchange, and the port through which they reach other nodes.
 *
 * `process/` works on these alone and never learns what a socket is: the network implements
 * {@link RemoteSignals} for outgoing signals and feeds incoming ones to `ProcessTable.receive`.
 */
import type { Atom } from '../terms/atom.ts';
import type { EncodedTerm } from '../terms/encode.ts';
import type { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import type { Term } from '../terms/term.ts';

/** A process named in a monitor: a pid, or the atom under which it is registered. */
export type MonitorTarget = Pid | Atom;

/** What passes between two processes, on one node or between nodes. */
export type Signal =
  | {
      readonly type: 'send';
      readonly from: Pid;
      readonly to: Pid;
      readonly message: Term;
      /** the same message, where it goes to many and was encoded beforehand */
      readonly encoded?: EncodedTerm;
    }
  | { readonly type: 'send_name'; readonly from: Pid; readonly to: Atom; readonly message: Term }
  | {
      readonly type: 'send_alias';
      readonly from: Pid;
      readonly to: Reference;
      readonly message: Term;
    }
  | { readonly type: 'link'; readonly from: Pid; readonly to: Pid }
  | { readonly type: 'unlink'; readonly id: number | bigint; readonly from: Pid; readonly to: Pid }
  | {
      readonly type: 'unlink_ack';
      readonly id: number | bigint;
      readonly from: Pid;
      readonly to: Pid;
    }
  /** the other end of a link has ended */
  | { readonly type: 'exit_link'; readonly from: Pid; readonly to: Pid; readonly reason: Term }
  /** `exit(Pid, Reason)` */
  | { readonly type: 'exit'; readonly from: Pid; readonly to: Pid; readonly reason: Term }
  /** `exit(Alias, Reason)`, since OTP 28; we receive it and never send it */
  | {
      readonly type: 'exit_alias';
      readonly from: Pid;
      readonly to: Reference;
      readonly reason: Term;
    }
  | {
      readonly type: 'monitor';
      readonly from: Pid;
      readonly target: MonitorTarget;
      readonly ref: Reference;
    }
  | {
      readonly type: 'demonitor';
      readonly from: Pid;
      readonly target: MonitorTarget;
      readonly ref: Reference;
    }
  /** what was monitored (named as in the monitor request) has ended */
  | {
      readonly type: 'down';
      readonly from: MonitorTarget;
      /** the process that has ended, where we know it: a name alone does not tell whose last signal this is */
      readonly ended?: Pid;
      readonly to: Pid;
      readonly ref: Reference;
      readonly reason: Term;
    }
  | { readonly type: 'group_leader'; readonly leader: Pid; readonly to: Pid }
  | {
      readonly type: 'spawn_request';
      readonly ref: Reference;
      readonly from: Pid;
      readonly groupLeader: Pid;
      readonly module: string;
      readonly function: string;
      readonly arity: number;
      readonly options: Term;
      readonly args: Term;
    }
  /** `flags`: bit 0 a link was set up, bit 1 a monitor; an atom as result is the refusal's reason */
  | {
      readonly type: 'spawn_reply';
      readonly ref: Reference;
      readonly to: Pid;
      readonly flags: number;
      readonly result: Pid | Atom;
    };

export interface DeliverOptions {
  /**
   * dial the node when it is not connected (default true); without it the signal is dropped, unless
   * the node is being dialled already: then it waits in order with the others
   */
  readonly connect?: boolean;
}

/** Implemented by the network layer. Never answers synchronously. */
export interface RemoteSignals {
  /**
   * Sends `signal` to `node`, in order with all earlier signals to that node. When the node cannot
   * be reached the signal is lost and `ProcessTable.nodedown(node)` is called, which fires the
   * monitors and links that wait on it.
   *
   * @throws {TermError} `unencodable` for what is no term, unless nobody can be reached anyway
   */
  deliver(node: string, signal: Signal, options?: DeliverOptions): void;
}
