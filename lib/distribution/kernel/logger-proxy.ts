import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Process } from '../process/process.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { Atom } from '../terms/atom.ts';
import { inspectTerm } from '../terms/inspect.ts';
import { isTuple, type Term } from '../terms/term.ts';
import type { IgnoredMessage } from './ignored-message.ts';
import { formatIo, ioText } from './io-format.ts';

/** Log texts are cut at this many characters. */
const MAX_LOG_CHARACTERS = 8192;

/**
 * Starts `logger_proxy`, to which a BEAM process sends its log events when its group leader is ours:
 * `{log, Level, Report | String, Meta}` or `{log, Level, Format, Args, Meta}`. They become the event
 * `distribution.log`.
 *
 * @see OTP `logger_proxy`; reference 6.2
 */
export function startLoggerProxy(
  processes: ProcessTable,
  telemetry: Telemetry | undefined,
  onIgnored: IgnoredMessage,
): Process {
  return processes.spawnServer({
    name: 'logger_proxy',
    trapExit: true,
    onMessage: (message) => {
      const event = decodeLogEvent(message);
      if (event === undefined) onIgnored('logger_proxy', message);
      else telemetry?.execute('distribution.log', {}, { node: processes.node, ...event });
    },
  });
}

function decodeLogEvent(
  message: Term,
): { level: string; text: string; metadata: Term } | undefined {
  if (!isTuple(message, 4, 'log') && !isTuple(message, 5, 'log')) return undefined;
  const level = message.elements[1];
  if (!(level instanceof Atom)) return undefined;
  const text = message.arity === 4 ? reportText(message.elements[2]!) : formatText(message);
  return { level: level.name, text, metadata: message.elements[message.arity - 1]! };
}

function formatText({ elements }: { readonly elements: readonly Term[] }): string {
  const [, , format, args] = elements;
  return formatIo(format!, args!, MAX_LOG_CHARACTERS);
}

/** A report is a map or a list of pairs; a plain string is text. */
function reportText(report: Term): string {
  const text = ioText(report);
  return text ?? inspectTerm(report, { maxLength: MAX_LOG_CHARACTERS });
}
