/**
 * What makes this node a member of a cluster: whether it is to be one, its name, its cookie, where peers
 * reach it, and who they are. The settings about that depend on each other, and on the platform.
 */
import { join } from 'node:path';
import { COOKIE_ADVICE, isPlaceholderCookie } from './cookie.ts';
import { hostOf, isAliveName, isNodeName, NO_NODE } from './node-name.ts';
import { type NetworkInterfaces, ownAddress, type Peers, PeersError, parsePeers } from './peers.ts';
import { ENTROPY_SHAPE, isProjectEntropy, projectCookie } from './project-cookie.ts';
import { type Given, type GivenSettings, mismatch, type Settings } from './settings.ts';

/** What it takes to be a node of a cluster. */
export interface DistributionConfig {
  /** given, or that of the platform's project; `undefined`: see `cookieFiles` */
  readonly cookie: string | undefined;
  /** where Erlang keeps the user's cookie, in the order in which it looks; `undefined`: it is not needed */
  readonly cookieFiles: readonly string[] | undefined;
  readonly epmdPort: number;
  /** silence of a peer after which it counts as gone, milliseconds */
  readonly netTickTimeMs: number;
  /** nodes to connect with, without this one */
  readonly connectNodes: readonly string[];
  /** the platform's list of instances; `undefined`: there is none for this node */
  readonly peersFile: PeersFileConfig | undefined;
  /** the own address on which peers reach us; `undefined`: whatever the host of our name leads to */
  readonly listenHost: string | undefined;
  /** where peers reach us; `undefined`: on any TCP port */
  readonly listenPorts: { readonly min: number; readonly max: number } | undefined;
  /** TCP ports that are not for peers */
  readonly avoidPorts: readonly number[];
  /** the one TCP port of all nodes, of a cluster without a port mapper */
  readonly commonPort: number | undefined;
}

/** The file that lists the instances; it may come later, and is read for as long as the node lives. */
export interface PeersFileConfig {
  readonly path: string;
  /** the key of our own entry */
  readonly hostname: string;
  /** whether it has been asked for, or been there, so that its absence is worth a line */
  readonly expected: boolean;
}

/** What the machine says. */
export interface DistributionSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** the text of a file, or `undefined` if there is none */
  readonly readFile: (path: string) => string | undefined;
  readonly hostname: () => string;
  readonly homedir: () => string;
  readonly networkInterfaces: () => NetworkInterfaces;
}

/** Where the platform keeps its list. */
const DEFAULT_PEERS_FILE = '/run/peers.json';

/**
 * @param problems gets a sentence for each setting that does not fit
 * @returns `undefined` for a node on its own
 */
export function distributionConfig(
  settings: Settings,
  given: GivenSettings,
  sources: DistributionSources,
  problems: string[],
): { readonly nodeName: string; readonly distribution: DistributionConfig } | undefined {
  // A node that stays alone does not care what is in there.
  if (settings.ENABLE_DISTRIBUTION === false) return undefined;
  const path = settings.PEERS_FILE ?? DEFAULT_PEERS_FILE;
  const file = readPeers(path, sources.readFile);
  const expected = file !== undefined || settings.PEERS_FILE !== undefined;
  if (!wantsDistribution(settings, given, path, expected, problems)) return undefined;
  const nodeName = checkNodeName(given.NODE_NAME, file, sources, problems);
  const listenHost = ownListenHost(hostOf(nodeName), sources.networkInterfaces());
  const isWatched = expected || listenHost === undefined || !isLoopbackAddress(listenHost);
  const hostname = sources.hostname();
  return {
    nodeName,
    distribution: {
      ...checkCookie(settings, given, sources, problems),
      epmdPort: settings.ERL_EPMD_PORT ?? DEFAULT_EPMD_PORT,
      netTickTimeMs: (settings.NET_TICKTIME ?? 60) * 1000,
      connectNodes: (settings.CONNECT_NODES ?? []).filter((node) => node !== nodeName),
      peersFile: isWatched ? { path, hostname, expected } : undefined,
      listenHost,
      ...checkPorts(settings, given, problems),
    },
  };
}

// --- whether, and under which name ---------------------------------------------------------------

/** The list as it is at the start, or why it is of no use now; `undefined` if there is no file. */
type PeersAtStart = { readonly peers: Peers; readonly problem?: string };

/** A file that is of no use at this moment, as when it is being written, is read again soon. */
function readPeers(
  path: string,
  readFile: (path: string) => string | undefined,
): PeersAtStart | undefined {
  try {
    const text = readFile(path);
    return text === undefined ? undefined : { peers: parsePeers(text) };
  } catch (error) {
    const reason = error instanceof PeersError ? error.message : `cannot read it: ${String(error)}`;
    return { peers: {}, problem: `the peers file ${path}: ${reason}` };
  }
}

function wantsDistribution(
  settings: Settings,
  given: GivenSettings,
  peersFile: string,
  hasPeersFile: boolean,
  problems: string[],
): boolean {
  if (given.NODE_NAME || hasPeersFile) return true;
  const reason = settings.ENABLE_DISTRIBUTION ? given.ENABLE_DISTRIBUTION : given.CONNECT_NODES;
  if (reason) {
    problems.push(
      `${reason.label}: expected a node name beside it (--name NAME@HOST or NODE_NAME) or the peers ` +
        `file ${peersFile}, got neither`,
    );
  }
  return false;
}

/** The name part when only the peers file says that there is a cluster. */
const DEFAULT_NAME_PART = 'hello_distributed';

function checkNodeName(
  given: Given | undefined,
  file: PeersAtStart | undefined,
  { hostname, networkInterfaces }: DistributionSources,
  problems: string[],
): string {
  const { text, label } = given ?? { text: DEFAULT_NAME_PART, label: 'PEERS_FILE' };
  if (isNodeName(text)) return text;
  if (!isAliveName(text)) {
    problems.push(mismatch('NODE_NAME', { text, label }));
    return NO_NODE;
  }
  const address = ownAddress(file?.peers ?? {}, hostname(), networkInterfaces());
  if (address !== undefined) return `${text}@${address}`;
  const why = file?.problem === undefined ? '' : ` (${file.problem})`;
  problems.push(
    `${label}: expected an IPv4 address for this node, but neither a peers file${why} nor a network ` +
      `interface has one; write NAME@HOST, for example ${text}@127.0.0.1`,
  );
  return NO_NODE;
}

// --- the cookie ----------------------------------------------------------------------------------

function checkCookie(
  { NODE_ENV, ERLANG_COOKIE: cookie }: Settings,
  { ERLANG_COOKIE: given }: GivenSettings,
  sources: DistributionSources,
  problems: string[],
): Pick<DistributionConfig, 'cookie' | 'cookieFiles'> {
  const { PLATFORM_PROJECT_ENTROPY: entropy } = sources.env;
  if (given) {
    if (NODE_ENV === 'production' && cookie !== undefined && isPlaceholderCookie(cookie)) {
      problems.push(
        `${given.label}: expected a secret of your own, since this is production, got a well-known ` +
          `placeholder; ${COOKIE_ADVICE}`,
      );
    }
    return { cookie, cookieFiles: undefined };
  }
  if (entropy !== undefined && entropy !== '') {
    if (isProjectEntropy(entropy)) {
      return { cookie: projectCookie(entropy), cookieFiles: undefined };
    }
    problems.push(
      `PLATFORM_PROJECT_ENTROPY: expected ${ENTROPY_SHAPE}, got fewer; set ERLANG_COOKIE instead, ` +
        COOKIE_ADVICE,
    );
  } else if (NODE_ENV === 'production') {
    problems.push(
      '--cookie or ERLANG_COOKIE: expected a secret of your own, since this is production, got ' +
        `none; ${COOKIE_ADVICE}`,
    );
  } else {
    return { cookie: undefined, cookieFiles: cookieFiles(sources, problems) };
  }
  return { cookie: undefined, cookieFiles: undefined };
}

/** @see OTP `auth.erl`: the home directory, then the user's configuration directory */
function cookieFiles(
  { env: { XDG_CONFIG_HOME: xdgConfigHome }, homedir }: DistributionSources,
  problems: string[],
): readonly string[] {
  let home: string;
  try {
    home = homedir();
  } catch {
    // As for a user id that no user has, which some containers run with.
    problems.push(
      '--cookie or ERLANG_COOKIE: expected a cookie, since this user has no home directory where one ' +
        'could be kept',
    );
    return [];
  }
  const config = xdgConfigHome ? xdgConfigHome : join(home, '.config');
  return [join(home, '.erlang.cookie'), join(config, 'erlang', '.erlang.cookie')];
}

// --- where peers reach us ------------------------------------------------------------------------

const DEFAULT_EPMD_PORT = 4369;
/** SSH, and the platform's own proxy in front of every instance. */
const PLATFORM_PORTS: readonly number[] = [22, 80];

/** The host of our name if it is an address of this machine. Behind a translation of addresses it is none. */
function ownListenHost(host: string, interfaces: NetworkInterfaces): string | undefined {
  const own = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  return isLoopbackAddress(host) || own.some(({ address }) => address === host) ? host : undefined;
}

function isLoopbackAddress(host: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(host);
}

function checkPorts(
  settings: Settings,
  given: GivenSettings,
  problems: string[],
): Pick<DistributionConfig, 'listenPorts' | 'avoidPorts' | 'commonPort'> {
  const { PORT = 4000, DIST_PORT_MIN: min, ERL_DIST_PORT: commonPort } = settings;
  // As OTP's inet_dist_listen_min and inet_dist_listen_max: the lower end alone is one port.
  const max = settings.DIST_PORT_MAX ?? min;
  const avoidPorts = PORT === 0 ? PLATFORM_PORTS : [...PLATFORM_PORTS, PORT];
  const kept = new Set(avoidPorts);
  const problem = (about: keyof GivenSettings, rest: string): void => {
    problems.push(`${given[about]?.label ?? about}: expected ${rest}`);
  };
  const epmdPort = settings.ERL_EPMD_PORT ?? DEFAULT_EPMD_PORT;
  if (PORT === epmdPort && commonPort === undefined) {
    problem('ERL_EPMD_PORT', `another port than that of the HTTP service, ${PORT}`);
  }
  if (given.DIST_PORT_MAX && !given.DIST_PORT_MIN) {
    problem('DIST_PORT_MAX', 'DIST_PORT_MIN beside it, where the range begins');
  }
  if (min !== undefined && max !== undefined) {
    if (min > max) problem('DIST_PORT_MAX', `a port not below DIST_PORT_MIN, ${min}, got ${max}`);
    else if (isCovered(min, max, new Set([...kept, epmdPort]))) {
      problem('DIST_PORT_MIN', 'a port in the range that is free for peers, got none');
    }
  }
  if (commonPort !== undefined) {
    if (given.DIST_PORT_MIN) problem('ERL_DIST_PORT', 'no DIST_PORT_MIN beside it: it is the port');
    if (kept.has(commonPort)) {
      problem('ERL_DIST_PORT', `another port than ${[...kept].join(', ')}, got ${commonPort}`);
    }
  }
  const listenPorts = min === undefined || max === undefined ? undefined : { min, max };
  return { listenPorts, avoidPorts, commonPort };
}

function isCovered(min: number, max: number, taken: ReadonlySet<number>): boolean {
  for (let port = min; port <= max; port++) if (!taken.has(port)) return false;
  return true;
}
