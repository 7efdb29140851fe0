/**
 * The rehearsal: the application on a small Upsun of its own.
 *
 * Exit codes: 0 when everything was as promised and for `--help`; 1 when something was not, when the arguments are
 * wrong, or when it cannot run here; 128 and the signal's number when it was interrupted.
 */
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { BoxError, findWay, startBox } from './box.ts';
import { OptionsError, readOptions, rehearsalUsage, wantsHelp } from './options.ts';

const INSIDE = fileURLToPath(new URL('inside.ts', import.meta.url));

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  if (wantsHelp(argv)) {
    process.stdout.write(rehearsalUsage());
    return 0;
  }
  try {
    const options = readOptions(argv);
    const way = await findWay();
    const node = [process.execPath, '--import=tsx', INSIDE, JSON.stringify(options)];
    return await untilOver(way, node);
  } catch (error) {
    if (!(error instanceof OptionsError || error instanceof BoxError)) throw error;
    process.stderr.write(`cannot rehearse: ${error.message}\n`);
    return 1;
  }
}

async function untilOver(way: readonly string[], program: readonly string[]): Promise<number> {
  const box = startBox(way, program);
  let interruptedBy: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruptedBy ??= signal;
      box.kill();
    });
  }
  const code = await box.exited;
  if (interruptedBy === undefined) return code;
  process.stderr.write(`interrupted by ${interruptedBy}; everything is removed\n`);
  return 128 + constants.signals[interruptedBy];
}

process.exitCode = await main();
