/**
 * A process beside the service, of the same build, and no node of its cluster: a watcher of the public address,
 * which it takes from the settings. Ends with 0 on SIGTERM, SIGINT or SIGHUP, with 1 where that address is unknown.
 */
import { Visitor } from '../check/visitor.ts';
import { ConfigError, loadConfig } from '../config.ts';
import { onStopRequest } from '../stop-request.ts';
import { createLogger } from '../telemetry/logger.ts';
import { Watcher } from './watcher.ts';

/** Longest wait for one answer. */
const TIMEOUT_MS = 10_000;

async function main(): Promise<number> {
  const { publicUrl, logLevel, logFormat } = loadConfig();
  if (publicUrl === undefined) {
    throw new ConfigError([
      'PLATFORM_ROUTES or PHX_HOST: expected the public address, got neither',
    ]);
  }
  const logger = createLogger({ level: logLevel, format: logFormat, bindings: { url: publicUrl } });
  const watcher = new Watcher({
    visitor: new Visitor({ url: publicUrl, timeoutMs: TIMEOUT_MS }),
    onSight: (sight) => {
      if (sight.type === 'failed') logger.warn({ err: sight.error }, 'not as it must be');
      else logger.info({ ...sight, count: String(sight.count) }, 'seen');
    },
  });
  const stopped = new Promise<void>((resolve) => {
    const ignore = onStopRequest(() => {
      ignore();
      resolve();
    });
  });
  void watcher.start();
  await stopped;
  watcher.stop();
  logger.info('stopped');
  return 0;
}

async function exitCode(): Promise<number> {
  try {
    return await main();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`cannot start: ${error.message}\n`);
    return 1;
  }
}

// A look under way would keep the process for as long as its answer may take.
process.exit(await exitCode());
