/**
 * Log lines for people: the JSON lines of the log, each turned into one line for a terminal.
 *
 * ```
 * [12:00:00.000] INFO: request method=GET path=/counter status=200 durationMs=1.5 requestId=… node=a@h
 * ```
 *
 * Whatever a value holds, it stays on its line and cannot steer the terminal. Of an error there are the
 * message, the place, and the causes; the whole stack is in the JSON.
 */
import { createRequire } from 'node:module';
import type * as PinoPretty from 'pino-pretty';

export interface PrettyLinesOptions {
  /** default: if standard output is a terminal that shows colours, and nobody objects by `NO_COLOR` */
  readonly colorize?: boolean;
}

/** Where log lines go. */
export interface LineDestination {
  write(line: string): void;
}

/** Passes each line on, made readable. What is no line of the log is passed on as it is. */
export function prettyLines(
  destination: LineDestination,
  options: PrettyLinesOptions = {},
): LineDestination {
  // Loaded only where it is wanted: in production it would make the start longer by a tenth.
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty;
  const prettify = prettyFactory({
    ...options,
    translateTime: 'SYS:HH:MM:ss.l',
    hideObject: true,
    ignore: 'pid,hostname',
    messageFormat: (log) => describe(log),
  });
  return { write: (line) => destination.write(prettify(line)) };
}

/** In the line already, or said by the message. */
const SAID: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'event', 'node']);

function describe(log: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(log).filter(([name]) => !SAID.has(name));
  // The same on every line, so that what differs comes first.
  if (log.node !== undefined) fields.push(['node', log.node]);
  return [text(log.msg), ...fields.map(([name, value]) => `${text(name)}=${text(value)}`)].join(
    ' ',
  );
}

const PLAIN = /^[\w.:@/+=~, -]+$/;

function text(value: unknown): string {
  if (typeof value === 'number') return String(Math.round(value * 1000) / 1000);
  const content = isError(value) ? errorText(value) : value;
  if (typeof content === 'string' && PLAIN.test(content)) return content;
  return escapeControls(JSON.stringify(content) ?? 'undefined');
}

// Controls, what turns the direction of a text or is not seen, and separators of lines.
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** JSON escapes the controls of ASCII; terminals know some more, and so do those who split lines. */
function escapeControls(json: string): string {
  return json.replace(STEERING, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
}

function isError(value: unknown): value is LoggedError {
  if (typeof value !== 'object' || value === null) return false;
  return 'type' in value && 'message' in value;
}

function errorText({ type, message, code, stack, cause }: LoggedError): string {
  const place = typeof stack === 'string' ? /^\s+at (.+)$/m.exec(stack)?.[1] : undefined;
  return [
    `${type}: ${message}`,
    ...(code === undefined ? [] : [`(${String(code)})`]),
    ...(place === undefined ? [] : [`at ${place}`]),
    ...(isError(cause) ? [`caused by ${errorText(cause)}`] : []),
  ].join(' ');
}
