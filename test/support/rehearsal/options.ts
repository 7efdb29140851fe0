/** Flags of the rehearsal. */
import { resolve } from 'node:path';
import { describeFlags, type Flag, parseFlags } from '../../../lib/flags.ts';
import { ROOT } from '../source-tree.ts';

/** Every flag, in the order of the help text. */
export const REHEARSAL_FLAGS = {
  instances: { value: 'N', help: 'the most instances at rest, 2 to 10 (default 5)' },
  load: { value: 'SECONDS', help: 'how long the step of load lasts, 1 to 600 (default 5)' },
  seed: { value: 'N', help: 'repeat the choices of another run (default: drawn)' },
  app: { value: 'FOLDER', help: 'the application (default: this one)' },
  node: { value: 'FILE', help: 'the Node.js of the platform (default: the one that runs this)' },
  verbose: { help: 'show what the build and the instances write' },
  help: { help: 'print this text and end' },
} as const satisfies Readonly<Record<string, Flag>>;

type RehearsalFlag = keyof typeof REHEARSAL_FLAGS;

export interface RehearsalOptions {
  readonly instances: number;
  readonly loadMs: number;
  readonly seed: number;
  /** the folder of the application, with its `.upsun/config.yaml` */
  readonly app: string;
  /** the binary that `node` stands for in the commands of the configuration */
  readonly node: string;
  readonly verbose: boolean;
}

/** Arguments that are not understood. `message` has a line for each. */
export class OptionsError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'OptionsError';
  }
}

/** Whether the command line asks for the help text. It wins over every problem. */
export function wantsHelp(argv: readonly string[]): boolean {
  return parseFlags<RehearsalFlag>(REHEARSAL_FLAGS, argv).switches.has('help');
}

/**
 * @param argv the arguments after the program's name
 * @throws {OptionsError} naming each flag that is wrong, what was expected and what came
 */
export function readOptions(
  argv: readonly string[],
  drawSeed: () => number = () => Math.floor(Math.random() * 2 ** 31),
): RehearsalOptions {
  const { values, switches, problems: unknown } = parseFlags<RehearsalFlag>(REHEARSAL_FLAGS, argv);
  const problems = [...unknown];
  const number = (flag: RehearsalFlag, least: number, most: number): number | undefined => {
    const text = values[flag]?.at(-1);
    if (text === undefined) return undefined;
    if (/^\d{1,10}$/.test(text) && +text >= least && +text <= most) return +text;
    problems.push(`--${flag}: expected a number, ${least} to ${most}, got ${JSON.stringify(text)}`);
    return undefined;
  };
  const options = {
    instances: number('instances', 2, 10) ?? 5,
    loadMs: (number('load', 1, 600) ?? 5) * 1_000,
    seed: number('seed', 0, 2 ** 31 - 1) ?? drawSeed(),
    app: resolve(values.app?.at(-1) ?? ROOT),
    node: resolve(values.node?.at(-1) ?? process.execPath),
    verbose: switches.has('verbose'),
  };
  if (problems.length > 0) throw new OptionsError(problems);
  return options;
}

/** The text of `--help`. */
export function rehearsalUsage(): string {
  return `Usage: npm run rehearsal -- [flags]

Builds a small Upsun on this machine out of network namespaces, deploys the application to it as .upsun/config.yaml
says, and plays a story: scaling, load, a rolling deployment, a crash. Ends with 1 if anything is not as promised.

Flags:
${describeFlags(REHEARSAL_FLAGS)}

It needs Linux with the commands ip, unshare, setpriv and mount, and root or user namespaces. Nothing of it is
left on the machine, however it ends.
`;
}
