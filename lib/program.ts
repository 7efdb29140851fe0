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

export interface ProgramOptions {
  /** called with the address of the HTTP service, once it serves and listens for signals */
  readonly onStart?: (url: string) => void;
}

/** Runs the program to its end. @returns the exit code */
export async function runProgram({ onStart }: ProgramOptions = {}): Promise<number> {
  const information = requestedInformation();
  if (information !== undefined) {
    process.stdout.write(`${information === 'help' ? usage() : versionText()}\n`);
    return 0;
  }
  const terminals = openTerminals();
  try {
    let code: Promise<number> | undefined;
    const { application } = await start({
      beforeNotice: (running) => {
        code = runUntilStopped(running);
      },
    });
    if (application.url !== undefined) onStart?.(application.url);
    const exitCode = (await code) ?? 1;
    endWithTerminals(terminals);
    return exitCode;
  } catch (error) {
    process.stderr.write(`${startProblem(error)}\n`);
    return 1;
  }
}
