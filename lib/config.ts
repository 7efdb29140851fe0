/**
 * Command line and environment -> {@link Config}. Nothing else in the program reads either.
 *
 * Every problem is found before any is reported, so that a user corrects them in one go.
 */
import { readFileSync } from 'node:fs';
import { homedir, hostname, networkInterfaces } from 'node:os';
import { parseCommandLine } from './command-line.ts';
import { type DistributionConfig, distributionConfig } from './distribution-config.ts';
import { NO_NODE } from './node-name.ts';
import type { NetworkInterfaces } from './peers.ts';
import { primaryUrl, RoutesError } from './platform-routes.ts';
import { checkSettings, type GivenSettings, readSettings, type Settings } from './settings.ts';

export { usage } from './command-line.ts';
export type { DistributionConfig } from './distribution-config.ts';

/**
 * Where the program runs; `production` is stricter about secrets and listens on every interface.
 */
export type Environment = 'production' | 'development' | 'test';
/** The least important level that is logged. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** Lines for programs, or for people. */
export type LogFormat = 'json' | 'pretty';

export interface Config {
  readonly environment: Environment;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** whether to end when the parent process does, which an IPC channel tells */
  readonly stopWithParent: boolean;
  /** `NAME@HOST`, or {@link NO_NODE} */
  readonly nodeName: string;
  readonly http: {
    readonly host: string;
    /** 0: any free one */
    readonly tcpPort: number;
  };
  /** where the world reaches this service, without a slash at the end; `undefined`: unknown */
  readonly publicUrl: string | undefined;
  /** what opens the pages for operators to those who are not trusted; `undefined`: nothing does */
  readonly dashboard: DashboardCredentials | undefined;
  /** where the counter is kept on disk; `undefined`: in memory only */
  readonly dataDir: string | undefined;
  /** `undefined`: this node stays alone */
  readonly distribution: DistributionConfig | undefined;
  /** what is wrong and no reason not to start, a sentence each */
  readonly warnings: readonly string[];
}

/** What basic authentication asks for. */
export interface DashboardCredentials {
  readonly user: string;
  readonly password: string;
}

/** Where settings come from. Each has the real thing as its default. */
export interface ConfigSources {
  /** the arguments after the program's name */
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** the text of a file, or `undefined` if there is none */
  readonly readFile?: (path: string) => string | undefined;
  readonly hostname?: () => string;
  readonly homedir?: () => string;
  readonly networkInterfaces?: () => NetworkInterfaces;
  /** the level of the log when nothing is said; default `info` */
  readonly defaultLogLevel?: LogLevel;
  /** whether people read the log as it is written; default: whether standard output is a terminal */
  readonly logsToTerminal?: boolean;
}

/** The settings cannot be used. `message` lists every problem; no secret is ever in it. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super(
      `the configuration has ${count}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** What a command line asks for instead of a start. It wins over every problem. */
export function requestedInformation(
  argv: readonly string[] = process.argv.slice(2),
): 'help' | 'version' | undefined {
  const { help, version } = parseCommandLine(argv);
  if (help) return 'help';
  return version ? 'version' : undefined;
}

/**
 * Reads and checks every setting.
 *
 * @throws {ConfigError} naming each setting that is wrong, what was expected and what came
 */
export function loadConfig(sources: ConfigSources = {}): Config {
  const { argv = process.argv.slice(2), env = process.env, readFile = readFileIfAny } = sources;
  const { logsToTerminal = process.stdout.isTTY === true } = sources;
  const commandLine = parseCommandLine(argv);
  const problems = [...commandLine.problems];
  const given = readSettings(commandLine, env);
  const settings = checkSettings(given, problems);
  const environment = settings.NODE_ENV ?? 'development';
  const production = environment === 'production';
  const dashboard = dashboardCredentials(settings, given, problems);
  const cluster = distributionConfig(
    settings,
    given,
    {
      env,
      readFile,
      hostname: sources.hostname ?? hostname,
      homedir: sources.homedir ?? homedir,
      networkInterfaces: sources.networkInterfaces ?? networkInterfaces,
    },
    problems,
  );
  if (problems.length > 0) throw new ConfigError(problems);
  const warnings: string[] = [];
  return {
    environment,
    logLevel: settings.LOG_LEVEL ?? sources.defaultLogLevel ?? 'info',
    logFormat: settings.LOG_FORMAT ?? (!production && logsToTerminal ? 'pretty' : 'json'),
    stopWithParent: settings.STOP_WITH_PARENT ?? false,
    nodeName: cluster?.nodeName ?? NO_NODE,
    http: {
      host: settings.HOST ?? (production ? '0.0.0.0' : '127.0.0.1'),
      tcpPort: settings.PORT ?? 4000,
    },
    publicUrl: publicUrl(settings.PHX_HOST, env.PLATFORM_ROUTES, warnings),
    dashboard,
    dataDir: settings.DATA_DIR,
    distribution: cluster?.distribution,
    warnings,
  };
}

/**
 * What people may be shown. A platform that tells it in a form unknown to us is no reason not to serve.
 *
 * @param warnings gets a sentence about that
 */
function publicUrl(
  host: string | undefined,
  routes: string | undefined,
  warnings: string[],
): string | undefined {
  if (host !== undefined) return `https://${host}`;
  if (routes === undefined || routes === '') return undefined;
  try {
    return primaryUrl(routes);
  } catch (error) {
    if (!(error instanceof RoutesError)) throw error;
    warnings.push(`PLATFORM_ROUTES: ${error.message}; the public address stays unknown`);
    return undefined;
  }
}

function dashboardCredentials(
  { DASHBOARD_USER: user, DASHBOARD_PASSWORD: password }: Settings,
  given: GivenSettings,
  problems: string[],
): DashboardCredentials | undefined {
  const [name, other] = given.DASHBOARD_USER
    ? (['DASHBOARD_USER', 'DASHBOARD_PASSWORD'] as const)
    : (['DASHBOARD_PASSWORD', 'DASHBOARD_USER'] as const);
  if (given[name] && !given[other]) {
    problems.push(
      `${name}: expected ${other} beside it, since one opens nothing without the other`,
    );
  }
  return user === undefined || password === undefined ? undefined : { user, password };
}

function readFileIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
