import { CallError } from '../errors.ts';
import type { Process } from '../process/process.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { atom, isAtom } from '../terms/atom.ts';
import { inspectTerm } from '../terms/inspect.ts';
import { isTuple, type Term } from '../terms/term.ts';
import { termEquals } from '../terms/term-equals.ts';

export interface ErpcOptions {
  /** from the request to the result */
  readonly timeoutMs: number;
}

/** A function of another node, and what to call it with. */
export interface ErpcTarget {
  readonly module: string;
  readonly function: string;
  readonly args: readonly Term[];
}

/**
 * Calls a function on another node as `erpc` does: in a process of its own there, whose exit reason is
 * the result. Unlike `rpcCall` it needs no server on the other side.
 *
 * ```
 * SPAWN_REQUEST erpc:execute_call/4, [ResultRef, Module, Function, Args], monitored
 * SPAWN_REPLY   the pid, or why there is none
 * down          {ResultRef, return, Value}  or another end
 * ```
 *
 * @returns the function's value
 * @throws {CallError} `noproc` when the node refuses, with the reason as `context.exitReason`: `notsup` when
 *   it does not know such requests; `exit` when the call failed there; `timeout`; `noconnection`
 * @throws {ProcessExit} when our processes end meanwhile
 * @see OTP `erpc`, call/5; reference 8.5
 */
export function erpcCall(
  processes: ProcessTable,
  node: string,
  target: ErpcTarget,
  options: ErpcOptions,
): Promise<Term> {
  return new Promise((resolve, reject) => {
    // It ends with the call, and with it the monitor: a node that is slow learns that nobody waits.
    processes.spawn((self) => call(self, processes, node, target, options).then(resolve, reject));
  });
}

async function call(
  self: Process,
  processes: ProcessTable,
  node: string,
  target: ErpcTarget,
  { timeoutMs }: ErpcOptions,
): Promise<Term> {
  const ref = self.makeRef();
  const resultRef = self.makeRef();
  const { module, function: name, args } = target;
  processes.requestSpawn(node, {
    ...{ ref, from: self.pid, groupLeader: self.groupLeader },
    ...{ module: 'erpc', function: 'execute_call', arity: 4 },
    args: [resultRef, atom(module), atom(name), args],
  });
  const isEnd = (message: Term): boolean =>
    isTuple(message, 5, 'DOWN') && termEquals(message.elements[1]!, ref);
  const down = await self.receive({ match: isEnd, timeoutMs });
  const reason = isTuple(down) ? down.elements[4]! : down;
  if (isTuple(reason, 3) && termEquals(reason.elements[0]!, resultRef)) {
    const [, kind, value] = reason.elements;
    if (isAtom(kind, 'return')) return value!;
  }
  const what = `${module}:${name}/${args.length} on ${node}`;
  if (isAtom(reason, 'noconnection')) {
    throw new CallError('noconnection', `expected a connection to call ${what}, there is none`, {
      node,
      exitReason: reason,
    });
  }
  // Only a refusal is a lone atom: what runs there ends with a tuple.
  const code = isAtom(reason) ? 'noproc' : 'exit';
  const got = inspectTerm(reason, { maxLength: 500 });
  throw new CallError(code, `expected a value of ${what}, got ${got}`, {
    node,
    exitReason: reason,
  });
}
