/**
 * Calls and casts to servers, local or remote, as OTP 24 and later make them:
 *
 * ```
 * monitor the server                                      MONITOR_P
 * {'$gen_call', {Caller, [alias|Ref]}, Request}           REG_SEND or SEND_SENDER
 * {[alias|Ref], Reply}, or the down message               ALIAS_SEND (older peers: SEND_SENDER)
 * demonitor                                               DEMONITOR_P
 * ```
 *
 * Calls to one pid share a monitor, which stays a while for those to come (`server-monitors.ts`): then a
 * call is the request and the reply. Replies are known by their tag, whichever way they come. The alias of
 * a call that is over is not active any more, so that a late reply is dropped.
 */
import { AbortListeners } from '../../abort-listeners.ts';
import type { Clock } from '../../clock.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { CallError } from '../errors.ts';
import type { Monitorable, Process } from '../process/process.ts';
import { ProcessExit } from '../process/process-exit.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { Atom, atom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import type { Term } from '../terms/term.ts';
import { callingSelf, noSuchServer, type ServerDestination } from './call-errors.ts';
import { Deadlines } from './deadlines.ts';
import { castMessage } from './envelope.ts';
import { type Outcome, PendingCall } from './pending-call.ts';
import { ServerMonitors } from './server-monitors.ts';

export type { GlobalName, ServerDestination } from './call-errors.ts';

export interface CallOptions {
  /** `Infinity` waits until the server answers or ends */
  readonly timeoutMs?: number;
  /** gives up when aborted; the call rejects with the signal's reason */
  readonly signal?: AbortSignal;
  /** the process that makes the call, where the callee cares who that is */
  readonly as?: Process;
}

/** The answers of several nodes, and the nodes that gave none. */
export interface MultiCallResult {
  /** node name -> reply */
  readonly replies: Map<string, Term>;
  /** nodes without an answer, in the order asked: no such server, no connection, or time-out */
  readonly badNodes: string[];
}

export interface GenServerClientOptions {
  readonly processes: ProcessTable;
  /** resolves `{ global: name }`; without it no global name is known */
  readonly whereisGlobal?: (name: Term) => Pid | undefined;
  readonly telemetry?: Telemetry;
}

/** As in `gen_server:call/2`. */
export const DEFAULT_CALL_TIMEOUT_MS = 5_000;

const NOPROC = atom('noproc');
const NO_OPTIONS: CallOptions = {};
const STOP_EVENT = 'gen_server.call.stop';

/** The process that calls are made from, with the monitors that they share. */
interface OwnCaller {
  readonly process: Process;
  readonly monitors: ServerMonitors;
}

/**
 * Makes calls from one long-lived process of its own, unless the caller names another. A server that
 * calls itself is noticed only if it says so with `as`.
 */
export class GenServerClient {
  readonly #processes: ProcessTable;
  readonly #whereisGlobal: (name: Term) => Pid | undefined;
  readonly #telemetry: Telemetry | undefined;
  readonly #deadlines: Deadlines;
  readonly #aborts = new AbortListeners();
  #caller: OwnCaller | undefined;

  constructor(options: GenServerClientOptions) {
    this.#processes = options.processes;
    this.#deadlines = new Deadlines(options.processes.clock);
    this.#whereisGlobal = options.whereisGlobal ?? (() => undefined);
    this.#telemetry = options.telemetry;
  }

  /**
   * Sends a request and waits for the reply.
   *
   * @throws {CallError} `timeout`, `noproc`, `noconnection`, `calling_self`, `bad_reply`, or `exit` when the
   *   server ended; `context.exitReason` is the reason as a term
   * @throws {ProcessExit} when the calling process has ended
   */
  call(
    destination: ServerDestination,
    request: Term,
    options: CallOptions = NO_OPTIONS,
  ): Promise<Term> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const own = options.as === undefined ? this.#own() : undefined;
      const caller = options.as ?? own!.process;
      if (!caller.isAlive) throw new ProcessExit(caller.exitReason ?? NOPROC);
      const finish = this.#measure(destination);
      const server = this.#resolve(destination);
      if (server === undefined || this.#isSelf(server, caller)) {
        const error = server === undefined ? noSuchServer(destination) : callingSelf(destination);
        finish?.(error.code);
        reject(error);
        return;
      }
      const call = new PendingCall(caller, server, resolve, reject, finish);
      call.start(request, own?.monitors);
      const { timeoutMs = DEFAULT_CALL_TIMEOUT_MS, signal } = options;
      call.limit(timeoutMs, this.#deadlines, signal, this.#aborts);
    });
  }

  /** Sends a request without an answer. One to nobody is dropped. */
  cast(
    destination: ServerDestination,
    request: Term,
    options: { readonly as?: Process } = {},
  ): void {
    const server = this.#resolve(destination);
    if (server !== undefined) {
      (options.as ?? this.#own().process).send(server, castMessage(request));
    }
  }

  /**
   * Calls the server of one name on several nodes at once. Waits as long as it takes, unless
   * `timeoutMs` is given: a node that goes down or has no such server is a bad node.
   *
   * @throws {ProcessExit} when the calling process has ended; the signal's reason when aborted
   */
  async multiCall(
    nodes: readonly string[],
    name: string,
    request: Term,
    options: CallOptions = {},
  ): Promise<MultiCallResult> {
    const callOptions = { timeoutMs: Number.POSITIVE_INFINITY, ...options };
    const answers = await Promise.all(
      nodes.map((node) =>
        this.call({ name, node }, request, callOptions).catch((error: unknown) => {
          if (error instanceof CallError) return undefined;
          throw error;
        }),
      ),
    );
    const replies = new Map<string, Term>();
    const badNodes: string[] = [];
    for (const [index, node] of nodes.entries()) {
      const answer = answers[index];
      if (answer === undefined) badNodes.push(node);
      else replies.set(node, answer);
    }
    return { replies, badNodes };
  }

  /** Ends the client's own process; calls that are under way reject. */
  stop(): void {
    this.#caller?.process.stop(atom('shutdown'));
    this.#caller?.monitors.stop();
  }

  get #clock(): Clock {
    return this.#processes.clock;
  }

  /** Any process may be ended from outside, this one too: then the next call starts another. */
  #own(): OwnCaller {
    if (this.#caller?.process.isAlive === true) return this.#caller;
    // Replies go to their calls; what gets here came too late, from a peer that ignores aliases.
    const process = this.#processes.spawnServer({ onMessage: () => {} });
    const monitors = new ServerMonitors(process, this.#clock);
    void process.exited.then(() => monitors.stop());
    this.#caller = { process, monitors };
    return this.#caller;
  }

  #resolve(destination: ServerDestination): Monitorable | undefined {
    if (destination instanceof Pid || destination instanceof Atom) return destination;
    return 'global' in destination ? this.#whereisGlobal(destination.global) : destination;
  }

  #isSelf(server: Monitorable, caller: Process): boolean {
    if (server instanceof Pid) return server.equals(caller.pid);
    if (!(server instanceof Atom) && server.node !== this.#processes.node) return false;
    return this.#processes.whereis(server.name)?.equals(caller.pid) ?? false;
  }

  #measure(destination: ServerDestination): ((outcome: Outcome) => void) | undefined {
    const telemetry = this.#telemetry;
    if (telemetry === undefined || !telemetry.hasHandlers(STOP_EVENT)) return undefined;
    const startMs = this.#clock.now();
    return (outcome) => {
      const durationMs = this.#clock.now() - startMs;
      telemetry.execute(STOP_EVENT, { durationMs }, { destination, outcome });
    };
  }
}
