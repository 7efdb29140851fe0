/** The flags of the program: their names, their help text, and which were given. */
import { describeFlags, type Flag, parseFlags } from './flags.ts';

/** Every flag, in the order of the help text. */
export const FLAGS = {
  name: { value: 'NAME@HOST', help: 'name of this node; starts the distribution' },
  cookie: {
    value: 'COOKIE',
    secret: true,
    help: "secret of the cluster (default: Erlang's ~/.erlang.cookie)",
  },
  port: { value: 'N', help: 'TCP port of the HTTP service (default 4000; 0: any free one)' },
  host: { value: 'ADDRESS', help: 'address of the HTTP service (default 127.0.0.1)' },
  connect: { value: 'NAME@HOST', repeatable: true, help: 'node to connect with; may be repeated' },
  help: { help: 'print this text and end' },
  version: { help: 'print the version and end' },
} as const satisfies Readonly<Record<string, Flag>>;

/** A flag without its dashes. */
export type FlagName = keyof typeof FLAGS;

/** What a command line says. */
export interface CommandLine {
  /** the last value of each flag that takes one */
  readonly values: Readonly<Partial<Record<FlagName, string>>>;
  /** every `--connect`, in order */
  readonly connect: readonly string[];
  readonly help: boolean;
  readonly version: boolean;
  /** one sentence for each argument that was not understood */
  readonly problems: readonly string[];
}

/** @param argv the arguments after the program's name */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { values: all, switches, problems } = parseFlags<FlagName>(FLAGS, argv);
  const { connect = [], ...others } = all;
  const values = Object.fromEntries(
    Object.entries(others).map(([name, given]) => [name, given.at(-1)]),
  );
  const [help, version] = [switches.has('help'), switches.has('version')];
  return { values, connect, help, version, problems };
}

/** What the `--help` of a command says of itself; flags and variables are the same for all. */
export interface Command {
  /** the name of its script in `package.json`, as it is typed */
  readonly run: string;
  /** the built program */
  readonly program: string;
  readonly summary: string;
  /** each follows the summary after an empty line */
  readonly notes?: readonly string[];
  readonly defaultLogLevel: string;
}

const SERVICE: Command = {
  run: 'npm start',
  program: 'dist/lib/main.js',
  summary: 'Serves HTTP on one node of an Erlang cluster.',
  defaultLogLevel: 'info',
};

/** The text of `--help`: flags, variables, examples. */
export function usage(command: Command = SERVICE): string {
  const { run, program, summary, notes = [], defaultLogLevel } = command;
  return `Usage: ${run} -- [flags]
       node ${program} [flags]

${[summary, ...notes].join('\n\n')}

Flags (they win over the environment):
${describeFlags(FLAGS)}

Environment:
  PORT, HOST            as --port and --host; HOST is 0.0.0.0 by default in production
  NODE_NAME             as --name; without @HOST the host is this machine's own address
  ERLANG_COOKIE         as --cookie
  CONNECT_NODES         as --connect, separated by commas
  ENABLE_DISTRIBUTION   false: stay alone; true: refuse to start without a name or a peers file
  PEERS_FILE            instances of the platform (default /run/peers.json)
  LIMITS_FILE           how much memory the platform gives (default /run/config.json)
  ERL_EPMD_PORT         port of the port mapper (default 4369)
  DIST_PORT_MIN, DIST_PORT_MAX
                        range of ports for other nodes; the first free one is taken
  ERL_DIST_PORT         the port of every node of a cluster that has no port mapper
  NET_TICKTIME          seconds of silence after which a node is given up (default 60)
  PHX_HOST              host name to show in addresses (default: that of the platform's route)
  DATA_DIR              where the counter is kept on disk (default: in memory only)
  DASHBOARD_USER, DASHBOARD_PASSWORD
                        both or none: credentials of the pages for operators
  LOG_LEVEL             debug, info, warn or error (default ${defaultLogLevel})
  LOG_FORMAT            json or pretty (default: pretty on a terminal, but json in production)
  NODE_ENV              production asks for a cookie of your own
  STOP_WITH_PARENT      true: end when the IPC channel to the parent process closes

Examples:
  ${run}
  ${run} -- --name node1@127.0.0.1 --cookie secret
  ${run} -- --name node2@127.0.0.1 --cookie secret --port 4001 --connect node1@127.0.0.1
`;
}
