/**
 * Command line and environment -> {@link Config}. Nothing else in the program reads either.
 *
 * Every problem is found before any is reported, so that a user corrects them in one go.
 */
import { readFileSync } from 'node:fs';
import { homedir, hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type FlagName, parseCommandLine } from './command-line.ts';
import { COOKIE_ADVICE, COOKIE_SHAPE, isCookie, isPlaceholderCookie } from './cookie.ts';
import { isAliveName, isNodeName, NO_NODE } from './node-name.ts';
import { type NetworkInterfaces, ownAddress, type Peers, PeersError, parsePeers } from './peers.ts';

export { usage } from './command-line.ts';

/**
 * Where the program runs; `production` is stricter about secrets and listens on every interface.
 */
export type Environment = 'production' | 'development' | 'test';
/** The least important level that is logged. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Config {
  readonly environment: Environment;
  readonly logLevel: LogLevel;
  /** whether to end when the parent process does, which an IPC channel tells */
  readonly stopWithParent: boolean;
  /** `NAME@HOST`, or {@link NO_NODE} */
  readonly nodeName: string;
  readonly http: {
    readonly host: string;
    /** 0: any free one */
    readonly tcpPort: number;
  };
  /** what opens the pages for operators to those who are not trusted; `undefined`: nothing does */
  readonly dashboard: DashboardCredentials | undefined;
  /** where the counter is kept on disk; `undefined`: in memory only */
  readonly dataDir: string | undefined;
  /** `undefined`: this node stays alone */
  readonly distribution: DistributionConfig | undefined;
}

/** What basic authentication asks for. */
export interface DashboardCredentials {
  readonly user: string;
  readonly password: string;
}

/** What it takes to be a node of a cluster. */
export interface DistributionConfig {
  /** explicitly given; `undefined`: see `cookieFiles` */
  readonly cookie: string | undefined;
  /** where Erlang keeps the user's cookie, in the order in which it looks */
  readonly cookieFiles: readonly [string, ...string[]];
  readonly epmdPort: number;
  /** silence of a peer after which it counts as gone, milliseconds */
  readonly netTickTimeMs: number;
  /** nodes to connect with, without this one */
  readonly connectNodes: readonly string[];
  /** the peers file, if there is one */
  readonly peersFile: string | undefined;
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
  const commandLine = parseCommandLine(argv);
  const problems = [...commandLine.problems];
  const given = readSettings(commandLine, env);
  const settings = checkSettings(given, problems);
  const environment = settings.NODE_ENV ?? 'development';
  const production = environment === 'production';
  // A node that stays alone does not care what is in there.
  const peersFile =
    settings.ENABLE_DISTRIBUTION === false
      ? undefined
      : readPeersFile(settings.PEERS_FILE ?? '/run/peers.json', readFile, problems);

  const dashboard = dashboardCredentials(settings, given, problems);

  let nodeName = NO_NODE;
  let distribution: DistributionConfig | undefined;
  if (wantsDistribution(settings, given, peersFile !== undefined, problems)) {
    const peers = peersFile?.peers;
    nodeName = checkNodeName(given.NODE_NAME, peers, sources, problems);
    checkCookie(given.ERLANG_COOKIE, settings.ERLANG_COOKIE, production, problems);
    distribution = {
      cookie: settings.ERLANG_COOKIE,
      cookieFiles: cookieFiles((sources.homedir ?? homedir)(), env.XDG_CONFIG_HOME),
      epmdPort: settings.ERL_EPMD_PORT ?? 4369,
      netTickTimeMs: (settings.NET_TICKTIME ?? 60) * 1000,
      connectNodes: (settings.CONNECT_NODES ?? []).filter((node) => node !== nodeName),
      peersFile: peersFile?.path,
    };
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    environment,
    logLevel: settings.LOG_LEVEL ?? sources.defaultLogLevel ?? 'info',
    stopWithParent: settings.STOP_WITH_PARENT ?? false,
    nodeName,
    http: {
      host: settings.HOST ?? (production ? '0.0.0.0' : '127.0.0.1'),
      tcpPort: settings.PORT ?? 4000,
    },
    dashboard,
    dataDir: settings.DATA_DIR,
    distribution,
  };
}

// --- single settings -----------------------------------------------------------------------------

const tcpPort = (least: number) =>
  z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .refine((port) => port >= least && port <= 65_535);

/** The longest tick time: a day. A timer of Node.js could not wait a month. */
const MAX_NET_TICK_TIME_S = 86_400;

const seconds = (most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .refine((value) => value >= 1 && value <= most);

const booleans: Readonly<Record<string, boolean>> = { true: true, 1: true, false: false, 0: false };
const boolean = z
  .string()
  .toLowerCase()
  .refine((text) => Object.hasOwn(booleans, text))
  .transform((text) => booleans[text] === true);

/** One entry per setting: the variable's name, and how its text is understood. */
const SETTINGS = {
  PORT: tcpPort(0),
  HOST: z.union([z.ipv4(), z.ipv6(), z.hostname()]),
  NODE_NAME: z.string(),
  ERLANG_COOKIE: z.string().refine(isCookie),
  ENABLE_DISTRIBUTION: boolean,
  CONNECT_NODES: z
    .string()
    .transform((text) => [...new Set(text.split(',').map((node) => node.trim()))])
    .transform((nodes) => nodes.filter((node) => node !== ''))
    .refine((nodes) => nodes.every(isNodeName)),
  PEERS_FILE: z.string(),
  ERL_EPMD_PORT: tcpPort(1),
  NET_TICKTIME: seconds(MAX_NET_TICK_TIME_S),
  DATA_DIR: z.string(),
  DASHBOARD_USER: z.string().regex(/^[^:\p{Cc}]{1,255}$/u),
  DASHBOARD_PASSWORD: z.string().regex(/^[^\p{Cc}]{1,255}$/u),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']),
  NODE_ENV: z.enum(['production', 'development', 'test']),
  STOP_WITH_PARENT: boolean,
} as const;

const EXPECTED: Readonly<Record<SettingName, string>> = {
  PORT: 'a TCP port, 0 to 65535',
  HOST: 'an IP address or a host name',
  NODE_NAME: 'NAME@HOST, where NAME has only letters, digits, _ and -',
  ERLANG_COOKIE: COOKIE_SHAPE,
  ENABLE_DISTRIBUTION: 'true or false',
  CONNECT_NODES: 'node names NAME@HOST, separated by commas',
  PEERS_FILE: 'a path',
  ERL_EPMD_PORT: 'a TCP port, 1 to 65535',
  NET_TICKTIME: `whole seconds, 1 to ${MAX_NET_TICK_TIME_S}`,
  DATA_DIR: 'a path',
  DASHBOARD_USER: '1 to 255 characters, no colon and no control character',
  DASHBOARD_PASSWORD: '1 to 255 characters, no control character',
  LOG_LEVEL: 'debug, info, warn or error',
  NODE_ENV: 'production, development or test',
  STOP_WITH_PARENT: 'true or false',
};

/** Settings that a flag sets too. */
const FLAG_OF: Readonly<Partial<Record<SettingName, FlagName>>> = {
  PORT: 'port',
  HOST: 'host',
  NODE_NAME: 'name',
  ERLANG_COOKIE: 'cookie',
  CONNECT_NODES: 'connect',
};

/** Settings whose text is never shown. */
const SECRETS: ReadonlySet<SettingName> = new Set([
  ...(['ERLANG_COOKIE', 'DASHBOARD_USER', 'DASHBOARD_PASSWORD'] as const),
]);

type SettingName = keyof typeof SETTINGS;
type Settings = { readonly [Name in SettingName]?: z.infer<(typeof SETTINGS)[Name]> };

/** The text of a setting, and what the user wrote it behind: `--port` or `PORT`. */
interface Given {
  readonly text: string;
  readonly label: string;
}
type GivenSettings = Readonly<Partial<Record<SettingName, Given>>>;

const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** An empty variable counts as none: that is how platforms and shells take one away. */
function readSettings(
  commandLine: ReturnType<typeof parseCommandLine>,
  env: Readonly<Record<string, string | undefined>>,
): GivenSettings {
  const flags: Partial<Record<FlagName, string>> = { ...commandLine.values };
  if (commandLine.connect.length > 0) flags.connect = commandLine.connect.join(',');
  const given: Partial<Record<SettingName, Given>> = {};
  for (const name of SETTING_NAMES) {
    const flag = FLAG_OF[name];
    const fromFlag = flag === undefined ? undefined : flags[flag];
    const fromEnv = env[name] === '' ? undefined : env[name];
    if (fromFlag !== undefined) given[name] = { text: fromFlag, label: `--${flag}` };
    else if (fromEnv !== undefined) given[name] = { text: fromEnv, label: name };
  }
  return given;
}

function checkSettings(given: GivenSettings, problems: string[]): Settings {
  const checked: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    const setting = given[name];
    if (!setting) continue;
    const result = SETTINGS[name].safeParse(setting.text);
    if (result.success) checked[name] = result.data;
    else problems.push(mismatch(name, setting));
  }
  return checked;
}

function mismatch(name: SettingName, { text, label }: Given): string {
  const came = SECRETS.has(name) ? 'something else' : JSON.stringify(text);
  return `${label}: expected ${EXPECTED[name]}, got ${came}`;
}

// --- settings that depend on each other ----------------------------------------------------------

function wantsDistribution(
  settings: Settings,
  given: GivenSettings,
  hasPeersFile: boolean,
  problems: string[],
): boolean {
  if (settings.ENABLE_DISTRIBUTION === false) return false;
  if (given.NODE_NAME || hasPeersFile) return true;
  const reason = settings.ENABLE_DISTRIBUTION ? given.ENABLE_DISTRIBUTION : given.CONNECT_NODES;
  if (reason) {
    problems.push(
      `${reason.label}: expected a node name beside it (--name NAME@HOST or NODE_NAME) or a peers ` +
        'file, got neither',
    );
  }
  return false;
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

/** The name part when only the peers file says that there is a cluster. */
const DEFAULT_NAME_PART = 'hello_distributed';

function checkNodeName(
  given: Given | undefined,
  peers: Peers | undefined,
  sources: ConfigSources,
  problems: string[],
): string {
  const { text, label } = given ?? { text: DEFAULT_NAME_PART, label: 'PEERS_FILE' };
  if (isNodeName(text)) return text;
  if (!isAliveName(text)) {
    problems.push(mismatch('NODE_NAME', { text, label }));
  } else if (!peers) {
    problems.push(
      `${label}: expected NAME@HOST, since there is no peers file to take the host from, got ` +
        `${JSON.stringify(text)}; write for example ${text}@127.0.0.1`,
    );
  } else {
    const interfaces = (sources.networkInterfaces ?? networkInterfaces)();
    const address = ownAddress(peers, (sources.hostname ?? hostname)(), interfaces);
    if (address !== undefined) return `${text}@${address}`;
    problems.push(
      `${label}: expected an IPv4 address for this node, but neither the peers file nor a network ` +
        'interface has one; write NAME@HOST',
    );
  }
  return NO_NODE;
}

function checkCookie(
  given: Given | undefined,
  cookie: string | undefined,
  production: boolean,
  problems: string[],
): void {
  if (!production) return;
  if (!given) {
    problems.push(
      '--cookie or ERLANG_COOKIE: expected a secret of your own, since this is production, got ' +
        `none; ${COOKIE_ADVICE}`,
    );
  } else if (cookie !== undefined && isPlaceholderCookie(cookie)) {
    problems.push(
      `${given.label}: expected a secret of your own, since this is production, got a well-known ` +
        `placeholder; ${COOKIE_ADVICE}`,
    );
  }
}

function readPeersFile(
  path: string,
  readFile: (path: string) => string | undefined,
  problems: string[],
): { readonly path: string; readonly peers: Peers } | undefined {
  try {
    const text = readFile(path);
    return text === undefined ? undefined : { path, peers: parsePeers(text) };
  } catch (error) {
    const reason = error instanceof PeersError ? error.message : `cannot read it: ${String(error)}`;
    problems.push(`the peers file ${path}: ${reason}`);
    return { path, peers: {} };
  }
}

/** @see OTP `auth.erl`: the home directory, then the user's configuration directory */
function cookieFiles(
  home: string,
  xdgConfigHome: string | undefined,
): readonly [string, ...string[]] {
  const config = xdgConfigHome ? xdgConfigHome : join(home, '.config');
  return [join(home, '.erlang.cookie'), join(config, 'erlang', '.erlang.cookie')];
}

function readFileIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
