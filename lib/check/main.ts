/** The command that checks a running deployment by its address. */
import { checkDeployment } from './check.ts';
import { CheckUsageError, checkUsage, readCheckOptions, wantsCheckHelp } from './options.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(argv: readonly string[]): Promise<number> {
  if (wantsCheckHelp(argv)) {
    say(checkUsage());
    return 0;
  }
  try {
    return (await checkDeployment(readCheckOptions(argv), { say })) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof CheckUsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
