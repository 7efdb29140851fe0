/** Command lines: which flags a command has, and which of them were given. */
import { parseArgs } from 'node:util';

/** One flag. `value` names what follows it; without, it is a switch. */
export interface Flag {
  readonly value?: string;
  readonly repeatable?: true;
  /** what follows it must never be shown */
  readonly secret?: true;
  readonly help: string;
}

/** The flags of a command, in the order of its help text. */
export type Flags = Readonly<Record<string, Flag>>;

export interface GivenFlags<Name extends string> {
  /** all values of each flag that takes one, in order */
  readonly values: Readonly<Partial<Record<Name, readonly string[]>>>;
  readonly switches: ReadonlySet<Name>;
  /** one sentence for each argument that was not understood */
  readonly problems: readonly string[];
}

/** @param argv the arguments after the program's name */
export function parseFlags<Name extends string>(
  flags: Readonly<Record<Name, Flag>>,
  argv: readonly string[],
): GivenFlags<Name> {
  const isFlag = (name: string): name is Name => Object.hasOwn(flags, name);
  const values: Partial<Record<Name, string[]>> = {};
  const switches = new Set<Name>();
  const problems: string[] = [];
  // Where the value of a flag stands that was not understood as one: it may be a secret, as in
  // `--cokie s3cret` and `--port --cookie s3cret`, and the flag before it is the problem.
  let untoldAt: number | undefined;
  for (const token of tokensOf(flags, argv)) {
    if (token.kind === 'positional') {
      if (token.index === untoldAt) continue;
      // Not shown either: `cookie=s3cret`, or what follows a space in a secret.
      problems.push(`expected a flag, such as ${example(flags)}, got an argument that is none`);
    }
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (!isFlag(name)) {
      const known = Object.keys(flags).map((flag) => `--${flag}`);
      problems.push(`${rawName}: unknown flag; the flags are ${known.join(', ')}`);
      untoldAt = token.index + 1;
      continue;
    }
    const flag = flags[name];
    if (flag.value === undefined) {
      if (value === undefined) switches.add(name);
      else problems.push(`${rawName}: expected no value after it`);
    } else if (value === undefined || (!token.inlineValue && value.startsWith('--'))) {
      // What stands there may be a secret with a dash in front.
      const came = value === undefined ? 'nothing' : flag.secret === true ? 'a flag' : value;
      problems.push(`${rawName}: expected ${flag.value} after it, got ${came}`);
      untoldAt = token.index + 2;
    } else {
      values[name] = [...(values[name] ?? []), value];
    }
  }
  return { values, switches, problems };
}

function example(flags: Flags): string {
  const [name = '', { value = '' } = {}] =
    Object.entries(flags).find(([, flag]) => flag.value !== undefined) ?? [];
  return `--${name} ${value}`;
}

function tokensOf(flags: Flags, argv: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      { type: flag.value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  // Not strict: that would stop at the first problem, and a user wants to see all of them.
  return parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

/** The lines of a help text, one for each flag. */
export function describeFlags(flags: Flags): string {
  return Object.entries(flags)
    .map(([name, { value, help }]) => {
      const left = value === undefined ? `--${name}` : `--${name} ${value}`;
      return `  ${left.padEnd(22)}${help}`;
    })
    .join('\n');
}
