/** The errors of calls, in the words for whoever made the call. */
import { CallError } from '../errors.ts';
import type { RemoteName } from '../process/process.ts';
import { Atom, atom, isAtom } from '../terms/atom.ts';
import { inspectTerm } from '../terms/inspect.ts';
import { Pid } from '../terms/pid.ts';
import { type Term, tuple } from '../terms/term.ts';

/** A globally registered name; any term can be one. */
export interface GlobalName {
  readonly global: Term;
}

/** Whom to call: a process, a name on this node, on another node, or known to all nodes. */
export type ServerDestination = Pid | Atom | RemoteName | GlobalName;

const NOPROC = atom('noproc');
/** Exit reasons may be as large as a server's state; an error's message is for a line of a log. */
const INSPECTED = { maxLength: 200 };

/** Nobody holds the name that was called. */
export function noSuchServer(destination: ServerDestination): CallError {
  const message = `expected ${describe(destination)} to be registered, no process holds that name`;
  return new CallError('noproc', message, { exitReason: NOPROC });
}

/** A process that waits for itself would wait for ever. */
export function callingSelf(destination: ServerDestination): CallError {
  const exitReason = atom('calling_self');
  return new CallError('calling_self', `${describe(destination)} calls itself`, { exitReason });
}

/** The server answered something that is no reply. */
export function badReply(server: ServerDestination): CallError {
  return new CallError('bad_reply', `expected {Tag, Reply} from ${describe(server)}`);
}

/** The server did not answer in time. */
export function callTimeout(server: ServerDestination, timeoutMs: number): CallError {
  const message = `expected a reply from ${describe(server)} within ${Math.round(timeoutMs)} ms`;
  return new CallError('timeout', message, nodeContext(server));
}

/** The exit reason of the server as the error that `gen_server:call` would exit with. */
export function serverDown(server: ServerDestination, reason: Term): CallError {
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

function nodeContext(server: ServerDestination): { readonly node?: string } {
  return 'node' in server ? { node: server.node } : {};
}

function describe(destination: ServerDestination): string {
  if (destination instanceof Pid || destination instanceof Atom) return String(destination);
  if ('global' in destination)
    return `the global name ${inspectTerm(destination.global, INSPECTED)}`;
  return `${destination.name} on ${destination.node}`;
}
