/** Flags and variables of the cluster command. */
import { ConfigError } from '../config.ts';
import { describeFlags, type Flag, parseFlags } from '../flags.ts';

/** Every flag, in the order of the help text. */
export const CLUSTER_FLAGS = {
  nodes: { value: 'N', help: 'how many nodes, 1 to 20 (default 3)' },
  port: { value: 'N', help: 'TCP port of the first node; the others follow (default 4000)' },
  verbose: { help: 'show all lines of their logs, not only warnings and errors' },
  help: { help: 'print this text and end' },
} as const satisfies Readonly<Record<string, Flag>>;

type ClusterFlag = keyof typeof CLUSTER_FLAGS;

type Environment = Readonly<Record<string, string | undefined>>;

export interface ClusterOptions {
  readonly nodes: number;
  /** the HTTP port of the first node */
  readonly firstTcpPort: number;
  readonly epmdPort: number;
  readonly verbose: boolean;
}

const MAX_NODES = 20;
const MAX_PORT = 65_535;
/** Where Erlang expects its port mapper. */
export const DEFAULT_EPMD_PORT = 4369;

/** Whether the command line asks for the help text. It wins over every problem. */
export function wantsHelp(argv: readonly string[]): boolean {
  return parseFlags<ClusterFlag>(CLUSTER_FLAGS, argv).switches.has('help');
}

/**
 * Reads and checks every flag, and `ERL_EPMD_PORT`.
 *
 * @throws {ConfigError} naming each setting that is wrong, what was expected and what came
 */
export function readOptions(argv: readonly string[], env: Environment): ClusterOptions {
  const { values, switches, problems: unknown } = parseFlags<ClusterFlag>(CLUSTER_FLAGS, argv);
  const problems = [...unknown];
  const read = (label: string, text: string | undefined, least: number, most: number): number => {
    if (text !== undefined && /^\d{1,5}$/.test(text) && +text >= least && +text <= most) {
      return +text;
    }
    if (text !== undefined) {
      problems.push(
        `${label}: expected a number, ${least} to ${most}, got ${JSON.stringify(text)}`,
      );
    }
    return Number.NaN;
  };
  const nodes = read('--nodes', values.nodes?.at(-1) ?? '3', 1, MAX_NODES);
  const firstTcpPort = read('--port', values.port?.at(-1) ?? '4000', 1, MAX_PORT);
  const epmdPort = read('ERL_EPMD_PORT', env.ERL_EPMD_PORT || `${DEFAULT_EPMD_PORT}`, 1, MAX_PORT);
  const lastTcpPort = firstTcpPort + nodes - 1;
  if (lastTcpPort > MAX_PORT) {
    problems.push(
      `--port: expected the last of ${nodes} ports to be ${MAX_PORT} at most, got ${lastTcpPort}`,
    );
  }
  if (epmdPort >= firstTcpPort && epmdPort <= lastTcpPort) {
    problems.push(
      `--port: expected ports other than that of the port mapper, got ${epmdPort} among them`,
    );
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { nodes, firstTcpPort, epmdPort, verbose: switches.has('verbose') };
}

/** The text of `--help`. */
export function clusterUsage(): string {
  return `Usage: npm run cluster -- [flags]
       node dist/lib/cluster/main.js [flags]

Starts a cluster on this machine: nodes node1@127.0.0.1, node2@127.0.0.1, … as processes of their own,
which share one counter. They have a cookie made for this run. Ctrl-C stops them all; they also stop
when this command ends in any other way.

Flags:
${describeFlags(CLUSTER_FLAGS)}

Environment:
  ERL_EPMD_PORT         port of the port mapper (default ${DEFAULT_EPMD_PORT})
  LOG_LEVEL             with --verbose: debug, info, warn or error (default info)
  LOG_FORMAT            json or pretty (default: pretty on a terminal)

Examples:
  npm run cluster
  npm run cluster -- --nodes 5 --port 8000
`;
}
