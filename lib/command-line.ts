/** The flags of the program: their names, their help text, and which were given. */
import { parseArgs } from 'node:util';

/** One flag. `value` names what follows it; without, it is a switch. */
interface Flag {
  readonly value?: string;
  readonly repeatable?: true;
  readonly help: string;
}

/** Every flag, in the order of the help text. */
export const FLAGS = {
  name: { value: 'NAME@HOST', help: 'name of this node; starts the distribution' },
  cookie: { value: 'COOKIE', help: "secret of the cluster (default: Erlang's ~/.erlang.cookie)" },
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
  const options = Object.fromEntries(
    Object.entries<Flag>(FLAGS).map(([name, flag]) => [
      name,
      { type: flag.value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  // Not strict: that would stop at the first problem, and a user wants to see all of them.
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Partial<Record<FlagName, string>> = {};
  const connect: string[] = [];
  const switches = new Set<FlagName>();
  const problems: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') {
      problems.push(`${quote(token.value)}: expected a flag, such as --port 4000`);
    }
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (!isFlagName(name)) {
      problems.push(`${rawName}: unknown flag; the flags are ${flagList()}`);
      continue;
    }
    const flag: Flag = FLAGS[name];
    if (flag.value === undefined) {
      if (value === undefined) switches.add(name);
      else problems.push(`${rawName}: expected no value, got ${quote(value)}`);
    } else if (value === undefined || (!token.inlineValue && value.startsWith('--'))) {
      // What stands there may be a cookie with a dash in front; cookies are never shown.
      const came = value === undefined ? 'nothing' : name === 'cookie' ? 'a flag' : value;
      problems.push(`${rawName}: expected ${flag.value} after it, got ${came}`);
    } else if (name === 'connect') {
      connect.push(value);
    } else {
      values[name] = value;
    }
  }
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
  const flags = Object.entries<Flag>(FLAGS).map(([name, { value, help }]) => {
    const left = value === undefined ? `--${name}` : `--${name} ${value}`;
    return `  ${left.padEnd(22)}${help}`;
  });
  return `Usage: ${run} -- [flags]
       node ${program} [flags]

${[summary, ...notes].join('\n\n')}

Flags (they win over the environment):
${flags.join('\n')}

Environment:
  PORT, HOST            as --port and --host; HOST is 0.0.0.0 by default in production
  NODE_NAME             as --name; with a peers file the name part is enough
  ERLANG_COOKIE         as --cookie
  CONNECT_NODES         as --connect, separated by commas
  ENABLE_DISTRIBUTION   false: stay alone; true: refuse to start without a name
  PEERS_FILE            instances of the platform (default /run/peers.json)
  ERL_EPMD_PORT         port of the port mapper (default 4369)
  LOG_LEVEL             debug, info, warn or error (default ${defaultLogLevel})
  NODE_ENV              production asks for a cookie of your own
  STOP_WITH_PARENT      true: end when the IPC channel to the parent process closes

Examples:
  ${run}
  ${run} -- --name node1@127.0.0.1 --cookie secret
  ${run} -- --name node2@127.0.0.1 --cookie secret --port 4001 --connect node1@127.0.0.1
`;
}

function isFlagName(name: string): name is FlagName {
  return Object.hasOwn(FLAGS, name);
}

function flagList(): string {
  return Object.keys(FLAGS)
    .map((name) => `--${name}`)
    .join(', ');
}

function quote(value: string): string {
  return JSON.stringify(value);
}
