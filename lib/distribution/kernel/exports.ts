/**
 * The functions that other nodes may call here. Everything else is undefined to them: a peer with
 * the cookie is trusted with the cluster's names, not with our code.
 */

import type { Process } from '../process/process.ts';
import { exitReasonOf } from '../process/process.ts';
import { ProcessExit } from '../process/process-exit.ts';
import { atom } from '../terms/atom.ts';
import type { Term } from '../terms/term.ts';
import { type Tuple, tuple } from '../terms/term.ts';

/**
 * A function that peers may call.
 *
 * @param args as many as the arity says
 * @param self the process that runs the call; `self.signal` aborts when it is ended
 * @returns the value; what it throws is the caller's error, a {@link ProcessExit} its exit
 */
export type ExportedFunction = (args: readonly Term[], self: Process) => Term | Promise<Term>;

/** A function's name as peers write it. */
export interface FunctionName {
  readonly module: string;
  readonly function: string;
  readonly arity: number;
}

/** How a call ended. */
export type CallOutcome =
  | { readonly type: 'return'; readonly value: Term }
  | { readonly type: 'exit'; readonly reason: Term }
  | { readonly type: 'error'; readonly reason: Term; readonly stack: Term };

export class Exports {
  readonly #functions = new Map<string, ExportedFunction>();

  /** Makes a function callable, in place of an earlier one of that name. */
  add(module: string, name: string, arity: number, body: ExportedFunction): void {
    this.#functions.set(keyOf({ module, function: name, arity }), body);
  }

  /** Whether peers may call the function. */
  has(name: FunctionName): boolean {
    return this.#functions.has(keyOf(name));
  }

  /** Calls a function. Never rejects: what goes wrong is the outcome. */
  async apply(
    module: string,
    name: string,
    args: readonly Term[],
    self: Process,
  ): Promise<CallOutcome> {
    const body = this.#functions.get(keyOf({ module, function: name, arity: args.length }));
    if (body === undefined) {
      return { type: 'error', reason: atom('undef'), stack: undefStack(module, name, args) };
    }
    try {
      return { type: 'return', value: await body(args, self) };
    } catch (error) {
      if (error instanceof ProcessExit) return { type: 'exit', reason: error.reason };
      return errorOutcome(exitReasonOf(error));
    }
  }
}

/** The stack of a call to an undefined function: `[{M, F, Args, []}]`. */
export function undefStack(module: string, name: string, args: readonly Term[]): Term {
  return [tuple(atom(module), atom(name), args, [])];
}

/** `{Reason, Stack}`, as a process exits whose error nobody caught. */
export function errorReason(outcome: CallOutcome & { readonly type: 'error' }): Tuple {
  return tuple(outcome.reason, outcome.stack);
}

/** An error of ours comes as `{{js_error, Text}, []}`: reason and stack. */
function errorOutcome(reason: Term): CallOutcome {
  const parts = (reason as Tuple).elements;
  return { type: 'error', reason: parts[0]!, stack: parts[1]! };
}

function keyOf({ module, function: name, arity }: FunctionName): string {
  return `${arity} ${JSON.stringify(module)} ${name}`;
}
