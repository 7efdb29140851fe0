import type { AbortListener, AbortListeners, AbortWait } from '../../abort-listeners.ts';
import { DistributionError } from '../errors.ts';
import type { Monitorable, Process } from '../process/process.ts';
import { ProcessExit } from '../process/process-exit.ts';
import type { ReplySlot } from '../process/replies.ts';
import { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import { isTuple, type Term } from '../terms/term.ts';
import { badReply, callTimeout, serverDown } from './call-errors.ts';
import { Deadline, type Deadlines } from './deadlines.ts';
import { aliasTag, callMessage } from './envelope.ts';
import type { ServerMonitor, ServerMonitors, WaitingCall } from './server-monitors.ts';

/** What a call came to, as its telemetry names it: `reply`, the code of an error, or `aborted`. */
export type Outcome = string;

/** One call from its request to its end. */
export class PendingCall extends Deadline implements ReplySlot, WaitingCall, AbortListener {
  readonly caller: Process;
  previousCall: WaitingCall | undefined = undefined;
  nextCall: WaitingCall | undefined = undefined;
  readonly #server: Monitorable;
  readonly #resolve: (reply: Term) => void;
  readonly #reject: (error: unknown) => void;
  readonly #finish: ((outcome: Outcome) => void) | undefined;
  readonly #ref: Reference;
  #over = false;
  #monitors: ServerMonitors | undefined;
  #monitor: ServerMonitor | undefined;
  #deadlines: Deadlines | undefined;
  #abortWait: AbortWait | undefined;

  /** @param finish is told in any case, and before `resolve` or `reject` */
  constructor(
    caller: Process,
    server: Monitorable,
    resolve: (reply: Term) => void,
    reject: (error: unknown) => void,
    finish: ((outcome: Outcome) => void) | undefined,
  ) {
    super();
    this.caller = caller;
    this.#server = server;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#finish = finish;
    this.#ref = caller.beginRequest(this);
  }

  /**
   * Monitors the server and sends the request. One that cannot be sent ends the call, as all else does.
   *
   * @param monitors those that the calls of this caller share
   */
  start(request: Term, monitors: ServerMonitors | undefined): void {
    const ref = this.#ref;
    const server = this.#server;
    if (monitors !== undefined && server instanceof Pid) {
      this.#monitors = monitors;
      this.#monitor = monitors.join(server, this);
    } else {
      this.caller.monitor(server, { ref });
    }
    if (this.#over) return;
    const from = { pid: this.caller.pid, tag: aliasTag(ref) };
    try {
      this.caller.send(server, callMessage(from, request));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Gives up after `timeoutMs`, or when the signal is aborted. */
  limit(
    timeoutMs: number,
    deadlines: Deadlines,
    signal: AbortSignal | undefined,
    listeners: AbortListeners,
  ): void {
    // An idle server on this node has answered by now, and no timer is needed.
    if (this.#over) return;
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#deadlines = deadlines;
      deadlines.start(timeoutMs, this);
    }
    if (signal === undefined) return;
    // An idle server on this node may have aborted it by now.
    if (signal.aborted) {
      this.#fail(signal.reason);
      return;
    }
    this.#abortWait = listeners.add(signal, this);
  }

  onMessage(message: Term): void {
    if (isTuple(message, 2)) {
      this.#end('reply');
      this.#resolve(message.elements[1]!);
    } else if (isTuple(message, 5, 'DOWN')) {
      this.onDown(message.elements[4]!);
    } else {
      this.#fail(badReply(this.#server));
    }
  }

  onDown(reason: Term): void {
    this.#fail(serverDown(this.#server, reason));
  }

  onExit(reason: Term): void {
    this.#fail(new ProcessExit(reason, 'the calling process has ended'));
  }

  onAbort(reason: unknown): void {
    this.#fail(reason);
  }

  expire(timeoutMs: number): void {
    this.#fail(callTimeout(this.#server, timeoutMs));
  }

  #fail(error: unknown): void {
    // Whoever heard of the end of another call may have ended this one.
    if (this.#over) return;
    this.#end(error instanceof DistributionError ? error.code : 'aborted');
    this.#reject(error);
  }

  #end(outcome: Outcome): void {
    this.#over = true;
    this.caller.endRequest(this.#ref);
    if (this.#monitor !== undefined) this.#monitors?.leave(this.#monitor, this);
    else if (this.#monitors === undefined) this.caller.demonitor(this.#ref);
    this.#deadlines?.stop(this);
    this.#abortWait?.end();
    this.#finish?.(outcome);
  }
}
