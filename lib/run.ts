/**
 * Running the application as a process of its own: configuration, log, signals, exit code. Shared
 * by the program and the console.
 */
import { getHeapStatistics } from 'node:v8';
import { Application } from './application.ts';
import { type Config, type LogLevel, loadConfig } from './config.ts';
import { type Cookie, resolveCookie } from './cookie.ts';
import { inspectTerm, isTermObject } from './distribution/index.ts';
import { noticeStarted } from './start-notice.ts';
import { onStopRequest, STOP_SIGNALS } from './stop-request.ts';
import { describeExitReason } from './supervisor/child.ts';
import { attachLogger, createLogger, type Logger } from './telemetry/logger.ts';
import { Telemetry } from './telemetry/telemetry.ts';

/** The application with what it was started with. */
export interface Running {
  readonly application: Application;
  readonly config: Config;
  readonly logger: Logger;
}

export interface StartOptions {
  /** where log lines go; default standard output */
  readonly logTo?: { write(line: string): void; readonly isTTY?: boolean };
  /** when LOG_LEVEL says nothing; default `info` */
  readonly defaultLogLevel?: LogLevel;
  /**
   * Called just before the start is made known: whoever hears of it may send a signal at once, which must
   * find somebody who listens.
   */
  readonly beforeNotice?: (running: Running) => void;
}

/** A stop that takes longer than this ends the process all the same. */
const STOP_TIMEOUT_MS = 10_000;

/**
 * Reads the configuration, and starts the application with its log.
 *
 * @throws {ConfigError | CookieError | Error} which {@link startProblem} puts in words
 */
export async function start(options: StartOptions = {}): Promise<Running> {
  const { defaultLogLevel } = options;
  const config = loadConfig({
    ...(defaultLogLevel === undefined ? {} : { defaultLogLevel }),
    ...(options.logTo === undefined ? {} : { logsToTerminal: options.logTo.isTTY === true }),
  });
  const cookie = cookieOf(config);
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    bindings: { node: config.nodeName },
    ...(options.logTo === undefined ? {} : { destination: options.logTo }),
  });
  for (const warning of config.warnings) logger.warn(warning);
  const telemetry = new Telemetry();
  attachLogger(telemetry, logger, { print: printTerm });
  const application = await Application.start({ config, cookie, telemetry });
  const running = { application, config, logger };
  options.beforeNotice?.(running);
  const { publicUrl } = config;
  const heapLimitMb = Math.round(getHeapStatistics().heap_size_limit / 2 ** 20);
  logger.info(
    {
      url: application.url,
      ...(publicUrl === undefined ? {} : { publicUrl }),
      pid: process.pid,
      heapLimitMb,
    },
    'started',
  );
  if (config.stopWithParent) noticeStarted();
  return running;
}

function cookieOf({ distribution }: Config): Cookie | undefined {
  if (distribution === undefined) return undefined;
  return resolveCookie({ explicit: distribution.cookie, files: distribution.cookieFiles ?? [] });
}

function printTerm(value: unknown): string {
  return isTermObject(value) ? inspectTerm(value) : String(value);
}

/** What went wrong at the start, for a person: the message, and the causes that say more. */
export function startProblem(error: unknown): string {
  const lines: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (!lines.some((line) => line.includes((at as Error).message))) lines.push(at.message);
  }
  return lines.length === 0 ? String(error) : `cannot start: ${lines.join(': ')}`;
}

/**
 * Waits for one of the signals, the end of the parent process where the configuration says so, or
 * the end of the tree; then ends everything in order. A signal that insists, or
 * {@link STOP_TIMEOUT_MS}, ends the process at once.
 *
 * @returns the exit code
 */
export async function runUntilStopped(
  { application, config, logger }: Running,
  signals: readonly NodeJS.Signals[] = STOP_SIGNALS,
): Promise<number> {
  const ignoreStopRequests = onStopRequest(
    ({ cause, urgent }) => {
      if (urgent) process.exit(1);
      logger.info({ cause }, 'stopping');
      setTimeout(() => {
        logger.error({ timeoutMs: STOP_TIMEOUT_MS }, 'the stop took too long');
        process.exit(1);
      }, STOP_TIMEOUT_MS).unref();
      void application.stop();
    },
    { signals, withParent: config.stopWithParent },
  );
  const reason = await application.exited;
  await application.stop();
  ignoreStopRequests();
  if (reason.type === 'shutdown') {
    logger.info('stopped');
    return 0;
  }
  logger.fatal({ reason: describeExitReason(reason) }, 'the application has ended');
  return 1;
}
