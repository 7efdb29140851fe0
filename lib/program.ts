/**
 * The program: one node, from its command line to its exit code.
 *
 * Exit codes: 0 after SIGTERM, SIGINT or SIGHUP, `--help` and `--version`; 1 when the configuration is
 * wrong, the start fails, or the supervision tree gives up. Where the terminal is gone, SIGHUP ends it in the end.
 */
import { requestedInformation, usage } from './config.ts';
import { runUntilStopped, start, startProblem } from './run.ts';
import { endWithTerminals, openTerminals } from './terminal.ts';
import { versionText } from './version.ts';

/** Runs the program to its end. @returns the exit code */
export async function runProgram(): Promise<number> {
  const information = requestedInformation();
  if (information !== undefined) {
    process.stdout.write(`${information === 'help' ? usage() : versionText()}\n`);
    return 0;
  }
  const terminals = openTerminals();
  try {
    let code: Promise<number> | undefined;
    await start({
      beforeNotice: (running) => {
        code = runUntilStopped(running);
      },
    });
    const exitCode = (await code) ?? 1;
    endWithTerminals(terminals);
    return exitCode;
  } catch (error) {
    process.stderr.write(`${startProblem(error)}\n`);
    return 1;
  }
}
