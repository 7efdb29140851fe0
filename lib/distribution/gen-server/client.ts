/**
 * Calls and casts to servers, local or remote, as OTP 24 and later make them:
 *
 * ```
 * monitor the server; the reference is also an alias      MONITOR_P
 * {'$gen_call', {Caller, [alias|Ref]}, Request}           REG_SEND or SEND_SENDER
 * {[alias|Ref], Reply}, or the down message               ALIAS_SEND (older peers: SEND_SENDER)
 * demonitor, which ends the alias                         DEMONITOR_P
 * ```
 *
 * Replies are known by their tag, whichever way they come. A call that is over, for whatever reason,
 * leaves nothing behind: a late reply meets an inactive alias.
 */
import type { Clock } from '../../clock.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { CallError } from '../errors.ts';
import type { Monitorable, Process, RemoteName, ReplySlot } from '../process/process.ts';
import { ProcessExit } from '../process/process-exit.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { Atom, atom, isAtom } from '../terms/atom.ts';
import { inspectTerm } from '../terms/inspect.ts';
import { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import { isTuple, type Term, tuple } from '../terms/term.ts';
import { aliasTag, callMessage, castMessage } from './envelope.ts';

/** A globally registered name; any term can be one. */
export interface GlobalName {
  readonly global: Term;
}

/** Whom to call: a process, a name on this node, on another node, or known to all nodes. */
export type ServerDestination = Pid | Atom | RemoteName | GlobalName;

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
/** Exit reasons may be as large as a server's state; an error's message is for a line of a log. */
const INSPECTED = { maxLength: 200 };

/**
 * Makes calls from one long-lived process of its own, unless the caller names another. A server that
 * calls itself is noticed only if it says so with `as`.
 */
export class GenServerClient {
  readonly #processes: ProcessTable;
  readonly #whereisGlobal: (name: Term) => Pid | undefined;
  readonly #telemetry: Telemetry | undefined;
  #caller: Process | undefined;

  constructor(options: GenServerClientOptions) {
    this.#processes = options.processes;
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
  call(destination: ServerDestination, request: Term, options: CallOptions = {}): Promise<Term> {
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs = DEFAULT_CALL_TIMEOUT_MS } = options;
      signal?.throwIfAborted();
      const caller = options.as ?? this.#ownProcess();
      if (!caller.isAlive) throw new ProcessExit(caller.exitReason ?? NOPROC);
      const finish = this.#measure(destination);
      const server = this.#resolve(destination);
      const settle: Settle = {
        resolve: (reply) => {
          finish('reply');
          resolve(reply);
        },
        reject: (error) => {
          finish(error instanceof CallError ? error.code : 'aborted');
          reject(error);
        },
      };
      if (server === undefined) settle.reject(noSuchServer(destination));
      else if (this.#isSelf(server, caller)) settle.reject(callingSelf(destination));
      else new PendingCall(caller, server, settle).start(request, timeoutMs, this.#clock, signal);
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
      (options.as ?? this.#ownProcess()).send(server, castMessage(request));
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
    this.#caller?.stop(atom('shutdown'));
  }

  get #clock(): Clock {
    return this.#processes.clock;
  }

  /** Any process may be ended from outside, this one too: then the next call starts another. */
  #ownProcess(): Process {
    if (this.#caller === undefined || !this.#caller.isAlive) {
      // Replies go to their calls; what gets here came too late, from a peer that ignores aliases.
      this.#caller = this.#processes.spawnServer({ onMessage: () => {} });
    }
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

  #measure(destination: ServerDestination): (outcome: string) => void {
    const telemetry = this.#telemetry;
    if (telemetry === undefined || !telemetry.hasHandlers('gen_server.call.stop')) return ignore;
    const startMs = this.#clock.now();
    return (outcome) => {
      const durationMs = this.#clock.now() - startMs;
      telemetry.execute('gen_server.call.stop', { durationMs }, { destination, outcome });
    };
  }
}

interface Settle {
  readonly resolve: (reply: Term) => void;
  readonly reject: (error: unknown) => void;
}

/** One call from its request to its end. */
class PendingCall implements ReplySlot {
  readonly #caller: Process;
  readonly #server: Monitorable;
  readonly #settle: Settle;
  readonly #ref: Reference;
  #over = false;
  #cancelTimer: (() => void) | undefined;
  #signal: AbortSignal | undefined;

  constructor(caller: Process, server: Monitorable, settle: Settle) {
    this.#caller = caller;
    this.#server = server;
    this.#settle = settle;
    this.#ref = caller.makeRef();
  }

  start(request: Term, timeoutMs: number, clock: Clock, signal: AbortSignal | undefined): void {
    const ref = this.#ref;
    this.#caller.monitor(this.#server, { ref, alias: true, slot: this });
    if (this.#over) return;
    const from = { pid: this.#caller.pid, tag: aliasTag(ref) };
    this.#caller.send(this.#server, callMessage(from, request));
    // An idle local server has answered by now, and no timer was needed.
    if (this.#over) return;
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#cancelTimer = clock.setTimer(timeoutMs, () => this.#expire(timeoutMs));
    }
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort);
  }

  onMessage(message: Term): void {
    if (!isTuple(message) || (message.arity !== 2 && !isTuple(message, 5, 'DOWN'))) {
      this.#end();
      this.#settle.reject(
        new CallError('bad_reply', `expected {Tag, Reply} from ${describe(this.#server)}`),
      );
      return;
    }
    this.#end();
    if (message.arity === 2) this.#settle.resolve(message.elements[1]!);
    else this.#settle.reject(serverDown(this.#server, message.elements[4]!));
  }

  onExit(reason: Term): void {
    this.#end();
    this.#settle.reject(new ProcessExit(reason, 'the calling process has ended'));
  }

  #expire(timeoutMs: number): void {
    this.#end();
    const message = `expected a reply from ${describe(this.#server)} within ${Math.round(timeoutMs)} ms`;
    this.#settle.reject(new CallError('timeout', message, nodeContext(this.#server)));
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#signal?.reason;
    this.#end();
    this.#settle.reject(reason);
  };

  #end(): void {
    this.#over = true;
    this.#caller.demonitor(this.#ref);
    this.#cancelTimer?.();
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

function ignore(): void {}

function noSuchServer(destination: ServerDestination): CallError {
  const message = `expected ${describe(destination)} to be registered, no process holds that name`;
  return new CallError('noproc', message, { exitReason: NOPROC });
}

function callingSelf(destination: ServerDestination): CallError {
  const exitReason = atom('calling_self');
  return new CallError('calling_self', `${describe(destination)} calls itself`, { exitReason });
}

/** The exit reason of the server as the error that `gen_server:call` would exit with. */
function serverDown(server: Monitorable, reason: Term): CallError {
  const context = nodeContext(server);
  if (isAtom(reason, 'noproc')) {
    const message = `expected ${describe(server)} to be alive, there is no such process`;
    return new CallError('noproc', message, { ...context, exitReason: reason });
  }
  if (isAtom(reason, 'noconnection')) {
    const exitReason = tuple(atom('nodedown'), atom(context.node ?? ''));
    const message = `expected a connection to the node of ${describe(server)}, there is none`;
    return new CallError('noconnection', message, { ...context, exitReason });
  }
  const message = `${describe(server)} ended during the call: ${inspectTerm(reason, INSPECTED)}`;
  return new CallError('exit', message, { ...context, exitReason: reason });
}

function nodeContext(server: Monitorable): { readonly node?: string } {
  return server instanceof Atom ? {} : { node: server.node };
}

function describe(destination: ServerDestination): string {
  if (destination instanceof Pid || destination instanceof Atom) return String(destination);
  if ('global' in destination)
    return `the global name ${inspectTerm(destination.global, INSPECTED)}`;
  return `${destination.name} on ${destination.node}`;
}
