/**
 * The group leader of our processes, and of what we ask other nodes to run: it speaks the io
 * protocol. Output becomes the event `distribution.io`; there is nothing to read. Every request is
 * answered, because `io:format/2` waits for it without a time-out.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/io_protocol.html
 */
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Process } from '../process/process.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { Atom, atom, isAtom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import { isTuple, type Term, tuple } from '../terms/term.ts';
import type { IgnoredMessage } from './ignored-message.ts';
import { formatIo, ioText } from './io-format.ts';

const OK = atom('ok');
const IO_REPLY = atom('io_reply');
const ENOTSUP = tuple(atom('error'), atom('enotsup'));
const REQUEST = tuple(atom('error'), atom('request'));
const MAX_OUTPUT_CHARACTERS = 65_536;

/** Starts the group leader and makes it that of all processes spawned from now on. */
export function startGroupLeader(
  processes: ProcessTable,
  telemetry: Telemetry | undefined,
  onIgnored: IgnoredMessage,
): Process {
  const write = (text: string, from: Pid): void =>
    telemetry?.execute('distribution.io', {}, { node: processes.node, from, text });
  const process = processes.spawnServer({
    trapExit: true,
    onMessage: (message) => {
      const [, from, replyAs, request] = isTuple(message, 4, 'io_request') ? message.elements : [];
      if (!(from instanceof Pid) || replyAs === undefined || request === undefined) {
        onIgnored('group_leader', message);
        return;
      }
      const answer = perform(request, (text) => write(text, from));
      processes.send(process.pid, from, tuple(IO_REPLY, replyAs, answer), { connect: false });
    },
  });
  processes.groupLeader = process.pid;
  return process;
}

/** Carries out one request and says what to answer. */
function perform(request: Term, write: (text: string) => void): Term {
  if (isTuple(request, 2, 'requests')) return performAll(request.elements[1]!, write);
  if (isTuple(request, 2, 'setopts')) return OK;
  if (isAtom(request, 'getopts')) return [];
  const text = outputOf(request);
  if (text === undefined) return ENOTSUP;
  if (text === false) return REQUEST;
  write(text);
  return OK;
}

/** Several requests are answered with the last one's answer; an error ends them. */
function performAll(requests: Term, write: (text: string) => void): Term {
  if (!Array.isArray(requests)) return REQUEST;
  let answer: Term = OK;
  for (const request of requests as readonly Term[]) {
    answer = perform(request, write);
    if (isTuple(answer, 2, 'error')) return answer;
  }
  return answer;
}

/**
 * The text of an output request: `{put_chars, [Encoding,] Chars}` or `{put_chars, [Encoding,] io_lib,
 * format, [Format, Args]}`.
 *
 * @returns `undefined` for a request that is no output, false for output that is no text
 */
function outputOf(request: Term): string | false | undefined {
  if (!isTuple(request) || !isAtom(request.elements[0], 'put_chars')) return undefined;
  const rest = request.elements.slice(1);
  const parts = rest.length > 1 && isEncoding(rest[0]!) ? rest.slice(1) : rest;
  if (parts.length === 1) return ioText(parts[0]!) ?? false;
  const [module, name, args] = parts;
  if (!isAtom(module, 'io_lib') || !isAtom(name, 'format') || !Array.isArray(args)) return false;
  const [format, values] = args as readonly Term[];
  if (format === undefined || values === undefined) return false;
  return formatIo(format, values, MAX_OUTPUT_CHARACTERS);
}

function isEncoding(term: Term): boolean {
  return term instanceof Atom && (term.name === 'unicode' || term.name === 'latin1');
}
