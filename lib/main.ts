/**
 * The program: one node, from its command line to its exit code.
 *
 * Exit codes: 0 after SIGTERM or SIGINT, `--help` and `--version`; 1 when the configuration is
 * wrong, the start fails, or the supervision tree gives up.
 */
import { requestedInformation, usage } from './config.ts';
import { runUntilStopped, start, startProblem } from './run.ts';
import { versionText } from './version.ts';

async function main(): Promise<number> {
  const information = requestedInformation();
  if (information !== undefined) {
    process.stdout.write(`${information === 'help' ? usage() : versionText()}\n`);
    return 0;
  }
  try {
    return await runUntilStopped(await start());
  } catch (error) {
    process.stderr.write(`${startProblem(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
