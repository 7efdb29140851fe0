/**
 * The program: one node, from its command line to its exit code.
 *
 * Exit codes: 0 after SIGTERM or SIGINT, `--help` and `--version`; 1 when the configuration is
 * wrong, the start fails, or the supervision tree gives up.
 */
import { requestedInformation, usage } from './config.ts';
import { runUntilStopped, start, startProblem } from './run.ts';
import { versionText } from './version.ts';

/** Runs the program to its end. @returns the exit code */
export async function runProgram(): Promise<number> {
  const information = requestedInformation();
  if (information !== undefined) {
    process.stdout.write(`${information === 'help' ? usage() : versionText()}\n`);
    return 0;
  }
  try {
    let code: Promise<number> | undefined;
    await start({
      beforeNotice: (running) => {
        code = runUntilStopped(running);
      },
    });
    return (await code) ?? 1;
  } catch (error) {
    process.stderr.write(`${startProblem(error)}\n`);
    return 1;
  }
}
