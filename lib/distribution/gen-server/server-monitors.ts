import type { Clock } from '../../clock.ts';
import type { Process } from '../process/process.ts';
import type { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import type { Term } from '../terms/term.ts';

/** Somebody who waits for an answer of a server, and his neighbours among those who do. */
export interface WaitingCall {
  previousCall: WaitingCall | undefined;
  nextCall: WaitingCall | undefined;
  /** the server has ended, or cannot be reached */
  onDown(reason: Term): void;
}

/** The monitor that all calls of one process to one server share. */
export class ServerMonitor {
  readonly server: Pid;
  ref: Reference | undefined;
  /** whether it was without a call at the last sweep already */
  wasIdle = false;
  // A list through the calls themselves; why not a `Set` is told in `process/reference-map.ts`.
  #firstCall: WaitingCall | undefined;

  constructor(server: Pid) {
    this.server = server;
  }

  get isIdle(): boolean {
    return this.#firstCall === undefined;
  }

  add(call: WaitingCall): void {
    const first = this.#firstCall;
    call.nextCall = first;
    if (first !== undefined) first.previousCall = call;
    this.#firstCall = call;
  }

  /** Once for each call that was added. */
  remove(call: WaitingCall): void {
    const { previousCall, nextCall } = call;
    if (previousCall !== undefined) previousCall.nextCall = nextCall;
    else this.#firstCall = nextCall;
    if (nextCall !== undefined) nextCall.previousCall = previousCall;
    call.previousCall = undefined;
    call.nextCall = undefined;
  }

  /** Those who wait, the first first. */
  calls(): WaitingCall[] {
    const calls: WaitingCall[] = [];
    for (let call = this.#firstCall; call !== undefined; call = call.nextCall) calls.push(call);
    return calls.reverse();
  }
}

/** How long a monitor stays after the last call: at least once, at most twice this. */
export const IDLE_MONITOR_MS = 5_000;

/**
 * The monitors of one calling process: one for each server, however many calls wait for it. With a
 * monitor of its own a call is four messages, so they stay a while for the calls to come; a call then is
 * a request and a reply. That is right for a pid, which names one process for ever. A name may pass to
 * another process, which the monitor would not watch.
 */
export class ServerMonitors {
  readonly #caller: Process;
  readonly #clock: Clock;
  readonly #monitors = new Map<string, ServerMonitor>();
  #cancelSweep: (() => void) | undefined;

  constructor(caller: Process, clock: Clock) {
    this.#caller = caller;
    this.#clock = clock;
  }

  get size(): number {
    return this.#monitors.size;
  }

  /** Adds a call to those that are told when `server` ends; it may be told before this returns. */
  join(server: Pid, call: WaitingCall): ServerMonitor {
    const known = this.#monitors.get(server.key);
    const monitor = known ?? new ServerMonitor(server);
    monitor.add(call);
    monitor.wasIdle = false;
    if (known === undefined) this.#watch(monitor);
    return monitor;
  }

  /** A call is over. */
  leave(monitor: ServerMonitor, call: WaitingCall): void {
    monitor.remove(call);
    if (!monitor.isIdle || monitor.ref === undefined) return;
    // Within the node a monitor costs no message, so nothing is gained by keeping it.
    if (monitor.server.node === this.#caller.pid.node) this.#end(monitor);
    else this.#sweepLater();
  }

  /** Ends all monitors: the process that calls has ended, or is about to. */
  stop(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    for (const monitor of this.#monitors.values()) this.#end(monitor);
  }

  #watch(monitor: ServerMonitor): void {
    const { server } = monitor;
    this.#monitors.set(server.key, monitor);
    const ref = this.#caller.watch(server, (reason) => {
      this.#monitors.delete(server.key);
      monitor.ref = undefined;
      for (const call of monitor.calls()) call.onDown(reason);
    });
    // Told already: what does not exist cannot be watched.
    if (this.#monitors.get(server.key) === monitor) monitor.ref = ref;
  }

  #end(monitor: ServerMonitor): void {
    this.#monitors.delete(monitor.server.key);
    if (monitor.ref !== undefined) this.#caller.demonitor(monitor.ref);
    monitor.ref = undefined;
  }

  #sweepLater(): void {
    this.#cancelSweep ??= this.#clock.setTimer(IDLE_MONITOR_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#cancelSweep = undefined;
    let idle = 0;
    for (const monitor of this.#monitors.values()) {
      if (!monitor.isIdle) monitor.wasIdle = false;
      else if (monitor.wasIdle) this.#end(monitor);
      else {
        monitor.wasIdle = true;
        idle += 1;
      }
    }
    if (idle > 0) this.#sweepLater();
  }
}
