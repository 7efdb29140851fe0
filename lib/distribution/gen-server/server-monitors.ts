import type { Clock } from '../../clock.ts';
import type { Process } from '../process/process.ts';
import type { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import type { Term } from '../terms/term.ts';

/** Somebody who waits for an answer of a server. */
export interface WaitingCall {
  /** the server has ended, or cannot be reached */
  onDown(reason: Term): void;
}

/** The monitor that all calls of one process to one server share. */
export class ServerMonitor {
  readonly server: Pid;
  readonly calls = new Set<WaitingCall>();
  ref: Reference | undefined;
  /** whether it was without a call at the last sweep already */
  wasIdle = false;

  constructor(server: Pid) {
    this.server = server;
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
    monitor.calls.add(call);
    monitor.wasIdle = false;
    if (known === undefined) this.#watch(monitor);
    return monitor;
  }

  /** A call is over. */
  leave(monitor: ServerMonitor, call: WaitingCall): void {
    monitor.calls.delete(call);
    if (monitor.calls.size > 0 || monitor.ref === undefined) return;
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
      for (const call of [...monitor.calls]) call.onDown(reason);
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
      if (monitor.calls.size > 0) monitor.wasIdle = false;
      else if (monitor.wasIdle) this.#end(monitor);
      else {
        monitor.wasIdle = true;
        idle += 1;
      }
    }
    if (idle > 0) this.#sweepLater();
  }
}
