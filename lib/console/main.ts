/**
 * The console: the program with a prompt inside, in the spirit of `iex -S mix phx.server`, or with a
 * script on its standard input.
 *
 * Exit codes: 0 when the user leaves, at the end of a script, after SIGTERM, SIGINT or SIGHUP,
 * `--help` and `--version`; 1 when the start fails, the supervision tree gives up, or any statement of a
 * script failed (the statements after it are run all the same).
 */
import type { Command } from '../command-line.ts';
import { requestedInformation, usage } from '../config.ts';
import { type Running, runUntilStopped, start, startProblem } from '../run.ts';
import { endWithTerminals, openTerminals } from '../terminal.ts';
import { versionText } from '../version.ts';
import { type Bindings, createBindings } from './bindings.ts';
import { Conversation } from './conversation.ts';
import { HELP } from './help.ts';
import { Prompt } from './prompt.ts';
import { runScript } from './script.ts';
import { Session } from './session.ts';

const COMMAND = {
  run: 'npm run console',
  program: 'dist/lib/console/main.js',
  summary: 'Runs one node of an Erlang cluster with a JavaScript prompt inside, or with a script.',
  notes: [
    `The log goes to standard error. A script that is piped in is run line by line as it comes; what
its statements result in, or fail with, is printed on standard output, and the node stops at its
end, with exit code 1 if any statement failed.`,
    `In scope:\n${HELP.replaceAll(/^(?=.)/gm, '  ')}`,
  ],
  defaultLogLevel: 'warn',
} as const satisfies Command;

/** Where log lines go: to standard error, without damage to a prompt once there is one. */
class LogOutput {
  readonly isTTY = process.stderr.isTTY;
  prompt: Prompt | undefined;

  write(line: string): void {
    if (this.prompt !== undefined && this.isTTY) {
      this.prompt.writeAbove(line, process.stderr);
    } else {
      process.stderr.write(line);
    }
  }
}

async function main(): Promise<number> {
  const information = requestedInformation();
  if (information !== undefined) {
    process.stdout.write(`${information === 'help' ? usage(COMMAND) : versionText()}\n`);
    return 0;
  }
  const log = new LogOutput();
  let running: Running;
  try {
    running = await start({ logTo: log, defaultLogLevel: COMMAND.defaultLogLevel });
  } catch (error) {
    process.stderr.write(`${startProblem(error)}\n`);
    return 1;
  }
  return converse(running, log);
}

async function converse(running: Running, log: LogOutput): Promise<number> {
  const { application, config } = running;
  const leaving = new AbortController();
  const bindings = createBindings({
    node: application.node,
    counter: application.counter,
    application,
    exit: () => leaving.abort(),
  });
  const session = new Session(bindings);
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  const conversation = new Conversation({ session, print });
  reportStrayErrors(conversation);
  // The reader of a pipe has seen enough, or the terminal is gone.
  process.stdout.on('error', () => leaving.abort());
  const stopped = runUntilStopped(running);
  void stopped.then(() => leaving.abort());
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  if (isTerminal) {
    greet(running);
    await usePrompt({ conversation, nodeName: config.nodeName, bindings, log, leaving });
  } else {
    await runScript(conversation, process.stdin, leaving.signal);
  }
  session.close();
  await application.stop();
  const code = await stopped;
  return !isTerminal && conversation.hasFailed ? 1 : code;
}

async function usePrompt(options: {
  readonly conversation: Conversation;
  readonly nodeName: string;
  readonly bindings: Bindings;
  readonly log: LogOutput;
  readonly leaving: AbortController;
}): Promise<void> {
  const { log, leaving, ...rest } = options;
  const prompt = new Prompt({ ...rest, input: process.stdin, output: process.stdout });
  log.prompt = prompt;
  leaving.signal.addEventListener('abort', () => prompt.close());
  await prompt.closed;
  process.stdout.write('\n');
}

function greet({ application, config }: Running): void {
  const at = application.url === undefined ? '' : ` at ${application.url}`;
  process.stdout.write(`${versionText()}, ${config.nodeName}${at}\nhelp() says what is in scope\n`);
}

/**
 * A statement may leave behind a promise or a timer that fails later. That must not end the node, but
 * be seen, as any other failed statement.
 */
function reportStrayErrors(conversation: Conversation): void {
  process.on('unhandledRejection', (error) => conversation.fail(error));
  process.on('uncaughtException', (error) => conversation.fail(error));
}

const terminals = openTerminals();
const code = await main();
// Timers of evaluated statements must not keep the process alive.
process.stdout.write('', () => {
  endWithTerminals(terminals);
  process.exit(code);
});
