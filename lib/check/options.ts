/** Flags of the check of a deployment. */
import { describeFlags, type Flag, parseFlags } from '../flags.ts';

/** Every flag, in the order of the help text. */
export const CHECK_FLAGS = {
  instances: { value: 'N', help: 'how many instances must answer, 1 to 100 (default 1)' },
  increments: { value: 'N', help: 'how many increments to send, 1 to 10000 (default 50)' },
  timeout: { value: 'SECONDS', help: 'longest wait for an answer, 1 to 60 (default 10)' },
  shared: { help: 'others may count meanwhile: the counter may move by more than was sent' },
  help: { help: 'print this text and end' },
} as const satisfies Readonly<Record<string, Flag>>;

type CheckFlag = keyof typeof CHECK_FLAGS;

export interface CheckOptions {
  /** the address of the deployment, without a slash at its end and without credentials */
  readonly url: string;
  /** the header by that name, from the credentials in what was typed */
  readonly authorization?: string;
  /** as many must be seen to answer */
  readonly instances: number;
  readonly increments: number;
  readonly timeoutMs: number;
  /** whether somebody else may increment at the same time */
  readonly shared: boolean;
}

/** What was typed cannot be used; the message lists every problem. */
export class CheckUsageError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'CheckUsageError';
  }
}

/** The text of `--help`. */
export function checkUsage(): string {
  return `Usage: npm run check -- URL [flags]

Checks a running deployment from outside: every endpoint with its headers, that several instances answer and
see each other, and that the counter moves by exactly what is sent. It leaves the counter that much higher.
Exit codes: 0 all is well, 1 something is not, 2 the command was not understood.

To check the sources of this project (lint, formatting, types): npm run lint

Flags:
${describeFlags(CHECK_FLAGS)}

Examples:
  npm run check -- http://127.0.0.1:4000
  npm run check -- https://main-abc.eu-5.platformsh.site --instances 3
  npm run check -- https://USER:PASSWORD@main-abc.eu-5.platformsh.site   (where it asks for them)
`;
}

/** Whether the help text is asked for. It wins over every problem. */
export function wantsCheckHelp(argv: readonly string[]): boolean {
  return parseFlags<CheckFlag>(CHECK_FLAGS, argv).switches.has('help');
}

/**
 * @param argv the arguments after the program's name: the URL first, then flags
 * @throws {CheckUsageError} naming each problem
 */
export function readCheckOptions(argv: readonly string[]): CheckOptions {
  const [first, ...rest] = argv;
  if (first === undefined || first.startsWith('--')) {
    throw new CheckUsageError([
      'expected the address of a deployment first, such as: npm run check -- https://example.org',
      'For lint, formatting and types of the sources: npm run lint',
    ]);
  }
  const { values, switches, problems } = parseFlags<CheckFlag>(CHECK_FLAGS, rest);
  const all = [...problems];
  const read = (flag: CheckFlag, byDefault: number, most: number): number => {
    const text = values[flag]?.at(-1) ?? String(byDefault);
    const value = Number(text);
    if (/^\d{1,6}$/.test(text) && value >= 1 && value <= most) return value;
    all.push(`--${flag}: expected a whole number, 1 to ${most}, got ${JSON.stringify(text)}`);
    return byDefault;
  };
  const options: CheckOptions = {
    ...readAddress(first, all),
    instances: read('instances', 1, 100),
    increments: read('increments', 50, 10_000),
    timeoutMs: read('timeout', 10, 60) * 1000,
    shared: switches.has('shared'),
  };
  if (all.length > 0) throw new CheckUsageError(all);
  return options;
}

/** Of credentials in the address nothing is shown. */
function readAddress(
  text: string,
  problems: string[],
): Pick<CheckOptions, 'url' | 'authorization'> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    const came = text.includes('@') ? 'something else' : JSON.stringify(text);
    problems.push(`expected an address that begins with http:// or https://, got ${came}`);
    return { url: '' };
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const address = url.href.replace(/\/+$/, '');
  if (username === '' && password === '') return { url: address };
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { url: address, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  } catch {
    problems.push('expected user and password in the address to be percent-encoded, in UTF-8');
    return { url: address };
  }
}
