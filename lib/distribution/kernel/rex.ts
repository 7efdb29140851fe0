/**
 * `rex`, the server of the older `rpc` forms, and of the question which of the newer ones we serve.
 *
 * | message | answer |
 * |---|---|
 * | call `{call \| block_call, M, F, Args, GroupLeader}` | the value, or `{badrpc, {'EXIT', Reason}}` |
 * | cast `{cast, M, F, Args, GroupLeader}` | none |
 * | `{Pid, {call, M, F, Args, GroupLeader}}` | `{rex, Value}` to Pid |
 * | `{Pid, {sbcast, Name, Message}}` | delivers it; `{rex, node(), node()}`, or `{rex, node(), {nonexisting_name, Name}}` |
 * | `{Pid, {send, Name, Message}}` | delivers it |
 * | `{Pid, features_request}` | `{features_reply, node(), [erpc]}` |
 *
 * @see OTP `rpc`, handle_call/3 to handle_info/2; reference 8.4
 */
import { parseCall, parseCast } from '../gen-server/envelope.ts';
import { reply } from '../gen-server/reply.ts';
import type { Process } from '../process/process.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { Atom, atom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import { isTuple, type Term, Tuple, tuple } from '../terms/term.ts';
import { type CallOutcome, type Exports, errorReason } from './exports.ts';
import type { IgnoredMessage } from './ignored-message.ts';

export interface RexOptions {
  readonly processes: ProcessTable;
  readonly exports: Exports;
  readonly onIgnored: IgnoredMessage;
}

const REX = atom('rex');
const CALLS: readonly string[] = ['call', 'block_call'];

/** Starts the server under its registered name. */
export function startRex({ processes, exports, onIgnored }: RexOptions): Process {
  const node = atom(processes.node);

  /** Runs a call in a process of its own and hands on the value that the caller gets. */
  const run = (request: Term, kinds: readonly string[], done: (value: Term) => void): boolean => {
    const call = decodeCall(request, kinds);
    if (call === undefined) return false;
    processes.spawn(async (self) => {
      done(rpcValue(await exports.apply(call.module, call.function, call.args, self)));
    });
    return true;
  };

  const info = (to: Pid, request: Term): boolean => {
    const answer = (message: Term): void =>
      processes.send(rex.pid, to, message, { connect: false });
    if (request instanceof Atom && request.name === 'features_request') {
      answer(tuple(atom('features_reply'), node, [atom('erpc')]));
      return true;
    }
    const isBroadcast = isTuple(request, 3, 'sbcast');
    if (isBroadcast || isTuple(request, 3, 'send')) {
      const [, name, message] = request.elements;
      if (!(name instanceof Atom)) return false;
      const known = processes.whereis(name.name) !== undefined;
      processes.send(to, name, message!);
      const result = known ? node : tuple(atom('nonexisting_name'), name);
      if (isBroadcast) answer(tuple(REX, node, result));
      return true;
    }
    return run(request, CALLS, (value) => answer(tuple(REX, value)));
  };

  const rex = processes.spawnServer({
    name: 'rex',
    trapExit: true,
    onMessage: (message) => {
      const call = parseCall(message);
      if (call !== undefined) {
        const answer = (value: Term): void => reply(processes, call.from, value, rex.pid);
        if (!run(call.request, CALLS, answer)) {
          onIgnored('rex', message);
          answer(tuple(atom('badrpc'), atom('unknown_call')));
        }
        return;
      }
      const cast = parseCast(message);
      const handled =
        cast === undefined
          ? message instanceof Tuple &&
            message.elements[0] instanceof Pid &&
            message.arity === 2 &&
            info(message.elements[0], message.elements[1]!)
          : run(cast, ['cast'], () => undefined);
      if (!handled) onIgnored('rex', message);
    },
  });
  return rex;
}

/** `{Kind, Module, Function, Args, GroupLeader}` */
function decodeCall(
  request: Term,
  kinds: readonly string[],
): { module: string; function: string; args: readonly Term[] } | undefined {
  if (!isTuple(request, 5)) return undefined;
  const [kind, module, name, args] = request.elements;
  if (!(kind instanceof Atom && kinds.includes(kind.name))) return undefined;
  if (!(module instanceof Atom && name instanceof Atom && Array.isArray(args))) return undefined;
  return { module: module.name, function: name.name, args };
}

/** The value of a call as `rpc:call/4` gives it. */
function rpcValue(outcome: CallOutcome): Term {
  if (outcome.type === 'return') return outcome.value;
  const reason = outcome.type === 'exit' ? outcome.reason : errorReason(outcome);
  return tuple(atom('badrpc'), tuple(atom('EXIT'), reason));
}
