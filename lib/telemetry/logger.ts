/**
 * The log: one JSON object a line, on standard output unless told otherwise. On request each line is made
 * readable for people (`pretty-lines.ts`), and stays one line.
 *
 * ```json
 * {"level":"info","time":"2026-01-31T12:00:00.000Z","node":"a@h","event":"http.request.stop","method":"GET",…,"msg":"request"}
 * ```
 *
 * Nothing but this file knows the logging library, and no other part of the program writes log
 * lines: they emit telemetry, and {@link attachLogger} turns the events of `log-events.ts` into lines.
 * At level `debug` all other events become lines too.
 */
import { inspect } from 'node:util';
import { type Logger as PinoLogger, pino } from 'pino';
import { IsoTime } from './iso-time.ts';
import { LineBuffer } from './line-buffer.ts';
import { LOG_EVENTS, type LogEvent, type LogLevel } from './log-events.ts';
import { PlainLines, roundedMeasurement } from './plain-lines.ts';
import { type LineDestination, prettyLines } from './pretty-lines.ts';
import type { Measurements, Metadata, Telemetry } from './telemetry.ts';

export interface Logger extends PinoLogger {
  /** the way past the library, for lines that it need not look at */
  readonly plain: { readonly lines: PlainLines; write(level: LogLevel, line: string): void };
}

/** For programs, or for people. */
export type LogFormat = 'json' | 'pretty';

export interface LoggerOptions {
  /** default `info` */
  readonly level?: LogLevel | 'silent';
  /** in every line, such as the name of the node */
  readonly bindings?: Readonly<Record<string, string>>;
  /** where the lines go; default standard output, an error at once, the rest within milliseconds */
  readonly destination?: { write(line: string): void };
  /** default `json` */
  readonly format?: LogFormat;
  readonly now?: () => Date;
}

/** Where secrets could hide: an Erlang cookie in a configuration, credentials in it and in headers. */
const SECRETS: ReadonlySet<string> = new Set(['cookie', 'authorization', 'password', 'set-cookie']);
/** How deep they are looked for. */
const SECRETS_DEPTH = 3;

/** Makes a logger, with secrets blotted out in whichever format. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { now, bindings = {} } = options;
  const time = new IsoTime(now === undefined ? Date.now : () => now().getTime());
  // Synchronous: the line that explains why the process ended must not be lost with it.
  const destination = options.destination ?? new LineBuffer(standardOutput(), { isUrgent });
  const formatted = options.format === 'pretty' ? prettyLines(destination) : destination;
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: bindings,
      timestamp: () => `,"time":"${time.text()}"`,
      formatters: {
        level: (level) => ({ level }),
        log: (fields) => withoutSecrets(fields, SECRETS_DEPTH),
      },
      serializers: { err: (error) => (error instanceof Error ? serializeError(error) : error) },
    },
    formatted,
  );
  const lines = new PlainLines({ bindings, time: () => time.text(), secrets: SECRETS });
  const write = (level: LogLevel, line: string): void => {
    if (formatted instanceof LineBuffer && !isUrgentLevel(level)) formatted.add(line);
    else formatted.write(line);
  };
  return Object.assign(logger, { plain: { lines, write } });
}

/** A terminal that is gone is treated as a pipe that nobody reads: lines go nowhere, and that ends nobody. */
function standardOutput(): LineDestination {
  const output = pino.destination({ dest: 1, sync: true });
  // The library stops writing at EPIPE, in a listener after this one, and lets all else end the process.
  output.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EIO') error.code = 'EPIPE';
  });
  return output;
}

function isUrgentLevel(level: LogLevel): boolean {
  return level === 'error' || level === 'fatal';
}

/** Lines begin with their level. */
function isUrgent(line: string): boolean {
  return line.startsWith('{"level":"error"') || line.startsWith('{"level":"fatal"');
}

export interface AttachLoggerOptions {
  /** Prints values that JSON has no form for, such as pids and other terms. */
  readonly print?: (value: unknown) => string;
}

/**
 * Turns events into log lines.
 *
 * Only events that the logger's present level lets through are listened to, so that the others cost
 * their emitters nothing.
 *
 * @returns ends it
 * @throws {TypeError} if a logger is attached already
 */
export function attachLogger(
  telemetry: Telemetry,
  logger: Logger,
  options: AttachLoggerOptions = {},
): () => void {
  const print = options.print ?? printValue;
  const enabled = LOG_EVENTS.filter(
    ({ level }) => typeof level === 'function' || logger.isLevelEnabled(level),
  );
  const known = new Map(enabled.map((logEvent) => [logEvent.event, logEvent]));
  const events = logger.isLevelEnabled('debug') ? '*' : [...known.keys()];
  telemetry.attach('logger', events, (event, measurements, metadata) => {
    const logEvent = known.get(event);
    if (logEvent === undefined) {
      logger.debug({ event, measurements, metadata: plainFields(metadata, print) }, event);
      return;
    }
    const level = typeof logEvent.level === 'string' ? logEvent.level : logEvent.level(metadata);
    if (!logger.isLevelEnabled(level)) return;
    const line = logger.plain.lines.line(level, logEvent, measurements, metadata);
    if (line !== undefined) {
      logger.plain.write(level, line);
      return;
    }
    const fields = fieldsOf(logEvent, measurements, metadata, print);
    logger[level](fields, logEvent.message);
  });
  return () => telemetry.detach('logger');
}

function fieldsOf(
  { event, fields, measurements: measured = [] }: LogEvent,
  measurements: Measurements,
  metadata: Metadata,
  print: (value: unknown) => string,
): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  for (const name of fields) addField(line, name, metadata[name], print);
  for (const name of measured) {
    const value = measurements[name];
    if (value !== undefined) line[name] = roundedMeasurement(name, value);
  }
  // Last, because `telemetry.handler.failure` has an `event` of its own, which becomes `failedEvent`.
  if (fields.includes('event')) line.failedEvent = metadata.event;
  line.event = event;
  return line;
}

/** Leaves out what is absent; an `error` is called `err`, as in lines that are written by hand. */
function plainFields(
  metadata: Metadata,
  print: (value: unknown) => string,
): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(metadata)) addField(fields, name, value, print);
  return fields;
}

function addField(
  fields: Record<string, unknown>,
  name: string,
  value: unknown,
  print: (value: unknown) => string,
): void {
  if (value === undefined) return;
  if (name === 'error') fields.err = serializeError(value);
  else fields[name] = plainValue(value, print);
}

function plainValue(value: unknown, print: (value: unknown) => string): unknown {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
  }
  if (value === null) return value;
  if (value instanceof Error) return serializeError(value);
  if (Array.isArray(value)) return value.map((item) => plainValue(item, print));
  if (isExitReason(value)) {
    return value.type === 'error'
      ? { type: 'error', err: serializeError(value.error) }
      : { type: value.type };
  }
  return print(value);
}

/** A supervisor's exit reason, which may carry an error. */
function isExitReason(
  value: unknown,
): value is { readonly type: string; readonly error?: unknown } {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype &&
    'type' in value &&
    typeof value.type === 'string' &&
    Object.keys(value).every((key) => key === 'type' || key === 'error')
  );
}

const MAX_CAUSES = 8;

/**
 * An error with its chain of causes. Other properties are left out on purpose: they may hold
 * anything, a term of any size or a secret.
 */
export function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { message: printValue(error) };
  return {
    type: error.name,
    ...('code' in error && error.code !== undefined ? { code: String(error.code) } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && depth < MAX_CAUSES
      ? { cause: serializeError(error.cause, depth + 1) }
      : {}),
  };
}

function printValue(value: unknown): string {
  if (typeof value === 'string') return value;
  return inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 20 });
}

/**
 * The same fields, with secrets blotted out; a copy only where there is one. The library's own way takes
 * longer than all the rest of a line.
 */
function withoutSecrets(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  let clean = fields;
  for (const name in fields) {
    const value = fields[name];
    const kept = SECRETS.has(name) ? '[redacted]' : nestedWithoutSecrets(value, depth - 1);
    if (kept === value) continue;
    if (clean === fields) clean = { ...fields };
    clean[name] = kept;
  }
  return clean;
}

function nestedWithoutSecrets(value: unknown, depth: number): unknown {
  if (depth === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => nestedWithoutSecrets(item, depth - 1));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  return isPlainObject(value) ? withoutSecrets(value, depth) : value;
}

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
