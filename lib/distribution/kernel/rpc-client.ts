import { CallError } from '../errors.ts';
import type { GenServerClient } from '../gen-server/client.ts';
import { atom } from '../terms/atom.ts';
import { inspectTerm } from '../terms/inspect.ts';
import { isTuple, type Term, tuple } from '../terms/term.ts';

export interface RpcOptions {
  /** `Infinity` waits until the node answers or is lost (default 5 s) */
  readonly timeoutMs?: number;
}

/**
 * Calls a function on another node, through its `rex` server. Output of the function goes to the
 * peer's own `user` process, so no io server of ours is involved.
 *
 * @returns the function's value
 * @throws {CallError} `exit` when the call failed there, with `context.exitReason`; `timeout`, `noproc` or
 *   `noconnection` when it did not get there
 * @see OTP `rpc`, call/4; reference 8.5
 */
export async function rpcCall(
  client: GenServerClient,
  node: string,
  module: string,
  name: string,
  args: readonly Term[],
  options: RpcOptions = {},
): Promise<Term> {
  const request = tuple(atom('call'), atom(module), atom(name), args, atom('user'));
  const value = await client.call({ name: 'rex', node }, request, options);
  if (!isTuple(value, 2, 'badrpc')) return value;
  const exitReason = value.elements[1]!;
  const call = `${module}:${name}/${args.length}`;
  throw new CallError(
    'exit',
    `expected a value of ${call} on ${node}, got badrpc ${inspectTerm(exitReason, { maxLength: 500 })}`,
    { node, exitReason },
  );
}
