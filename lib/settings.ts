/**
 * The single settings: the name of each variable, how its text is understood, and which flag sets it too.
 * What they mean together is for {@link ./config.ts} to say.
 */
import * as z from 'zod';
import type { CommandLine, FlagName } from './command-line.ts';
import { COOKIE_SHAPE, isCookie } from './cookie.ts';
import { isNodeName } from './node-name.ts';

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
  PHX_HOST: z.union([z.ipv4(), z.hostname()]),
  ERL_EPMD_PORT: tcpPort(1),
  DIST_PORT_MIN: tcpPort(1),
  DIST_PORT_MAX: tcpPort(1),
  ERL_DIST_PORT: tcpPort(1),
  NET_TICKTIME: seconds(MAX_NET_TICK_TIME_S),
  DATA_DIR: z.string(),
  DASHBOARD_USER: z.string().regex(/^[^:\p{Cc}]{1,255}$/u),
  DASHBOARD_PASSWORD: z.string().regex(/^[^\p{Cc}]{1,255}$/u),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']),
  LOG_FORMAT: z.enum(['json', 'pretty']),
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
  PHX_HOST: 'a host name',
  ERL_EPMD_PORT: 'a TCP port, 1 to 65535',
  DIST_PORT_MIN: 'a TCP port, 1 to 65535',
  DIST_PORT_MAX: 'a TCP port, 1 to 65535',
  ERL_DIST_PORT: 'a TCP port, 1 to 65535',
  NET_TICKTIME: `whole seconds, 1 to ${MAX_NET_TICK_TIME_S}`,
  DATA_DIR: 'a path',
  DASHBOARD_USER: '1 to 255 characters, no colon and no control character',
  DASHBOARD_PASSWORD: '1 to 255 characters, no control character',
  LOG_LEVEL: 'debug, info, warn or error',
  LOG_FORMAT: 'json or pretty',
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

/** The name of a variable. */
export type SettingName = keyof typeof SETTINGS;
/** The settings that were given and understood. */
export type Settings = { readonly [Name in SettingName]?: z.infer<(typeof SETTINGS)[Name]> };

/** The text of a setting, and what the user wrote it behind: `--port` or `PORT`. */
export interface Given {
  readonly text: string;
  readonly label: string;
}
/** What was given, understood or not. */
export type GivenSettings = Readonly<Partial<Record<SettingName, Given>>>;

/** Every setting. */
export const SETTING_NAMES: readonly SettingName[] = Object.keys(SETTINGS) as SettingName[];

/**
 * Flags win over the environment. An empty variable counts as none: that is how platforms and shells take one
 * away.
 */
export function readSettings(
  commandLine: CommandLine,
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

/** @param problems gets a sentence for each setting that is not understood */
export function checkSettings(given: GivenSettings, problems: string[]): Settings {
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

/** The sentence about a setting that is not understood. No secret is in it. */
export function mismatch(name: SettingName, { text, label }: Given): string {
  const came = SECRETS.has(name) ? 'something else' : JSON.stringify(text);
  return `${label}: expected ${EXPECTED[name]}, got ${came}`;
}
