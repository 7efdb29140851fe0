/**
 * Answers requests to spawn: `erpc` and `rpc` calls of other nodes, and `spawn/4` with a node. Only
 * exported functions run (`exports.ts`). Every request is answered at once with the new process or a
 * refusal; the result of an `erpc` call is the exit reason of its process:
 *
 * ```
 * {ResRef, return, Value}  {ResRef, exit, Reason}  {ResRef, error, Reason, Stack}
 * ```
 *
 * @see OTP `erpc`, execute_call/4 and execute_cast/3; reference 8.4
 */
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Process } from '../process/process.ts';
import { ProcessExit } from '../process/process-exit.ts';
import type { ProcessTable, SpawnRequestSignal } from '../process/process-table.ts';
import { Atom, atom } from '../terms/atom.ts';
import { type Term, Tuple, tuple } from '../terms/term.ts';
import { type CallOutcome, type Exports, errorReason } from './exports.ts';

export interface ErpcServerOptions {
  readonly processes: ProcessTable;
  readonly exports: Exports;
  readonly telemetry: Telemetry | undefined;
  /** calls that run at once; more are refused with `system_limit` */
  readonly maxRunning?: number;
}

/** What the options of a request ask for; `undefined` if they ask for what we cannot do. */
interface SpawnRelations {
  readonly link: boolean;
  readonly monitor: boolean;
}

/** Options that tune a BEAM process: they mean nothing here, and ignoring them harms nobody. */
const TUNING_OPTIONS: ReadonlySet<string> = new Set([
  'priority',
  'fullsweep_after',
  'min_heap_size',
  'min_bin_vheap_size',
  'max_heap_size',
  'message_queue_data',
  'async_dist',
]);

const DEFAULT_MAX_RUNNING = 1024;

const NORMAL = atom('normal');
const BADOPT = atom('badopt');
const SYSTEM_LIMIT = atom('system_limit');

export class ErpcServer {
  readonly #options: ErpcServerOptions;
  readonly #running = new Set<Process>();

  constructor(options: ErpcServerOptions) {
    this.#options = options;
  }

  /** Calls that run at the moment. */
  get running(): number {
    return this.#running.size;
  }

  /** Answers one request; to be set as the process table's `onSpawnRequest`. */
  onSpawnRequest(peer: string, request: SpawnRequestSignal): void {
    const { processes, telemetry, maxRunning = DEFAULT_MAX_RUNNING } = this.#options;
    const relations = spawnRelations(request.options);
    const body = Array.isArray(request.args) ? this.#bodyOf(request, request.args) : undefined;
    if (relations === undefined || body === undefined) {
      processes.replyToSpawn(request, BADOPT);
      return;
    }
    if (this.#running.size >= maxRunning) {
      telemetry?.execute('distribution.spawn.refused', {}, { node: processes.node, peer });
      processes.replyToSpawn(request, SYSTEM_LIMIT);
      return;
    }
    const { from, ref, groupLeader } = request;
    const process = processes.spawn(body, {
      groupLeader,
      ...(relations.link ? { link: from } : {}),
      ...(relations.monitor ? { monitor: { watcher: from, ref } } : {}),
    });
    this.#running.add(process);
    void process.exited.then(() => this.#running.delete(process));
    processes.replyToSpawn(request, process.pid, relations);
  }

  #bodyOf(
    request: SpawnRequestSignal,
    args: readonly Term[],
  ): ((self: Process) => Promise<void>) | undefined {
    const { exports } = this.#options;
    const { module, function: name } = request;
    if (module === 'erpc' && name === 'execute_call') {
      const [resultRef, ...call] = args;
      const target = targetOf(call);
      if (target === undefined || resultRef === undefined) return undefined;
      return async (self) => {
        const outcome = await exports.apply(target.module, target.function, target.args, self);
        throw new ProcessExit(resultOf(resultRef, outcome));
      };
    }
    const target =
      module === 'erpc' && name === 'execute_cast'
        ? targetOf(args)
        : { module, function: name, args };
    if (target === undefined) return undefined;
    return async (self) => {
      const outcome = await exports.apply(target.module, target.function, target.args, self);
      throw new ProcessExit(exitOf(outcome));
    };
  }
}

/** `[Module, Function, Args]` */
function targetOf(
  terms: readonly Term[],
): { module: string; function: string; args: readonly Term[] } | undefined {
  const [module, name, args, ...rest] = terms;
  if (!(module instanceof Atom) || !(name instanceof Atom)) return undefined;
  if (!Array.isArray(args) || rest.length > 0) return undefined;
  return { module: module.name, function: name.name, args };
}

function resultOf(ref: Term, outcome: CallOutcome): Tuple {
  switch (outcome.type) {
    case 'return':
      return tuple(ref, atom('return'), outcome.value);
    case 'exit':
      return tuple(ref, atom('exit'), outcome.reason);
    case 'error':
      return tuple(ref, atom('error'), outcome.reason, outcome.stack);
  }
}

function exitOf(outcome: CallOutcome): Term {
  if (outcome.type === 'return') return NORMAL;
  return outcome.type === 'exit' ? outcome.reason : errorReason(outcome);
}

function spawnRelations(options: Term): SpawnRelations | undefined {
  if (!Array.isArray(options)) return undefined;
  let link = false;
  let monitor = false;
  for (const option of options as readonly Term[]) {
    const name = option instanceof Tuple ? option.elements[0] : option;
    if (!(name instanceof Atom)) return undefined;
    if (name.name === 'link') link = true;
    else if (name.name === 'monitor') monitor = true;
    else if (!TUNING_OPTIONS.has(name.name)) return undefined;
  }
  return { link, monitor };
}
