/**
 * Servers as children of a supervisor. The shapes are those of the supervisor's contract; nothing is
 * imported from there, so either can be used without the other.
 */
import type { Process } from '../process/process.ts';
import { ProcessExit } from '../process/process-exit.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { atom, isAtom } from '../terms/atom.ts';
import { isTuple, type Term } from '../terms/term.ts';
import { type GenServer, type GenServerOptions, startGenServer } from './gen-server.ts';

/** How a server ended, in the terms of a supervisor. */
export type ChildExitReason =
  | { readonly type: 'normal' }
  | { readonly type: 'shutdown' }
  | { readonly type: 'killed' }
  | { readonly type: 'error'; readonly error: unknown };

/** A server in the shape that a supervisor starts and stops. */
export interface GenServerChild {
  readonly exited: Promise<ChildExitReason>;
  /** asks the server to run `terminate` and end, after the messages it has already */
  shutdown(): void;
  /** ends it at once; `terminate` does not run */
  kill(): void;
}

/** A running process as a supervisor's child. */
export function genServerChild(process: Process): GenServerChild {
  return {
    exited: process.exited.then((reason) => childExitReason(process, reason)),
    shutdown: () => process.shutdown(),
    kill: () => process.stop(atom('killed')),
  };
}

/**
 * Starts a server for a supervisor's child spec: `start: () => startGenServerChild(processes, …)`.
 *
 * @throws {ProcessExit} as {@link startGenServer} does
 */
export async function startGenServerChild(
  processes: ProcessTable,
  server: GenServer,
  options?: GenServerOptions,
): Promise<GenServerChild | 'ignore'> {
  const started = await startGenServer(processes, server, options);
  return started.type === 'ignore' ? 'ignore' : genServerChild(started.process);
}

/** `{shutdown, _}` counts as `shutdown`; the error of a crash is the one that was thrown. */
function childExitReason(process: Process, reason: Term): ChildExitReason {
  if (isAtom(reason, 'normal')) return { type: 'normal' };
  if (isAtom(reason, 'shutdown') || isTuple(reason, 2, 'shutdown')) return { type: 'shutdown' };
  if (isAtom(reason, 'killed')) return { type: 'killed' };
  return { type: 'error', error: process.crashError ?? new ProcessExit(reason) };
}
