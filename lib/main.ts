/**
 * The entry: sees to it that the heap fits the container, then loads the program. Nothing else is loaded
 * before, so that a start anew costs next to nothing.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CompiledFile } from './compiled-file.ts';
import { hasHeapFlags, heapFlags, memoryLimitMb } from './heap-limit.ts';
import { restart } from './restart.ts';

/** @returns V8's flags with which to start anew; none: the process is as it shall be */
function missingFlags(): readonly string[] {
  const { env, execArgv } = process;
  // Whoever has started us with a channel would lose it.
  if (process.channel !== undefined || hasHeapFlags(execArgv, env.NODE_OPTIONS)) return [];
  const limitMb = memoryLimitMb(textOf(env.LIMITS_FILE || '/run/config.json'));
  return limitMb === undefined ? [] : heapFlags(limitMb);
}

/** Empty if it cannot be read: off the platform there is no such file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** In the build it is one file, compiled in advance; the sources have no such file. */
async function loadProgram(): Promise<typeof import('./program.ts')> {
  const file = CompiledFile.open(new URL('./program.bundle.js', import.meta.url));
  return file?.run() ?? import('./program.ts');
}

async function main(): Promise<number> {
  const flags = missingFlags();
  if (flags.length === 0) return (await loadProgram()).runProgram();
  const { argv, execArgv, env } = process;
  const script = fileURLToPath(import.meta.url);
  return restart({ flags, script, argv: argv.slice(2), execArgv, env });
}

process.exitCode = await main();
