import type { ClusterOptions } from './options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** One node that is to be started. */
export interface PlannedNode {
  /** `node1@127.0.0.1` */
  readonly name: string;
  readonly tcpPort: number;
  /** where it will serve HTTP */
  readonly url: string;
  /** all of its environment; the cookie is in it, as command lines can be seen by every user */
  readonly env: Environment;
}

/** Of all nodes: they are reached from this machine alone. */
export const HOST = '127.0.0.1';

/** Settings of the program that must not come from whoever starts the cluster. */
const OWN_SETTINGS: readonly string[] = [
  ...['CONNECT_NODES', 'ENABLE_DISTRIBUTION', 'ERLANG_COOKIE', 'HOST', 'LOG_LEVEL', 'NODE_ENV'],
  ...['LOG_FORMAT', 'NODE_NAME', 'PORT'],
];

/**
 * The nodes of a cluster, in the order of their numbers.
 *
 * @param inherited the environment of this process
 * @param toTerminal whether their lines are shown on a terminal
 */
export function planNodes(
  { nodes, firstTcpPort, epmdPort, verbose }: ClusterOptions,
  cookie: string,
  inherited: Environment,
  toTerminal = false,
): PlannedNode[] {
  const shared = Object.entries(inherited).filter(([name]) => !OWN_SETTINGS.includes(name));
  return Array.from({ length: nodes }, (_, index) => {
    const name = `node${index + 1}@${HOST}`;
    const tcpPort = firstTcpPort + index;
    const env = {
      ...Object.fromEntries(shared),
      ERLANG_COOKIE: cookie,
      ERL_EPMD_PORT: String(epmdPort),
      HOST,
      LOG_FORMAT: inherited.LOG_FORMAT || (toTerminal ? 'pretty' : 'json'),
      LOG_LEVEL: verbose ? inherited.LOG_LEVEL || 'info' : 'warn',
      NODE_NAME: name,
      PORT: String(tcpPort),
      STOP_WITH_PARENT: 'true',
    };
    return { name, tcpPort, url: `http://${HOST}:${tcpPort}`, env };
  });
}
