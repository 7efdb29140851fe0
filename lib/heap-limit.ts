/**
 * How much JavaScript heap a container has room for. V8 takes its limit from the machine's memory, which in
 * a container is somebody else's: it would grow until the platform ends the process. Pure.
 *
 * Upsun says in `/run/config.json` how much there is, as `info.limits.memory`, in MB.
 */

/**
 * What a node needs beside the old generation of its heap: the program text of Node.js, V8 and its compiled
 * code, stacks, buffers of sockets. Measured, see the README.
 */
const RESERVED_MB = 72;
/** Of the rest the heap gets a part: buffers are outside of it, and grow with the load. */
const HEAP_SHARE = 0.75;
/** Below this the program does not start. */
const LEAST_HEAP_MB = 32;

/**
 * @param text the platform's description of the container
 * @returns MB of memory, or `undefined` if it does not say
 */
export function memoryLimitMb(text: string): number | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Nothing depends on it but a limit, and without one V8 has its own.
    return undefined;
  }
  for (const key of ['info', 'limits', 'memory']) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  // Beyond the exact integers it would be written in a form that V8 refuses, and nothing would start.
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** V8's flags for a container of so much memory. @param limitMb in MB */
export function heapFlags(limitMb: number): readonly string[] {
  const oldSpaceMb = Math.max(LEAST_HEAP_MB, Math.floor((limitMb - RESERVED_MB) * HEAP_SHARE));
  // The young generation is up to three semi-spaces. Small ones cost some speed and save as much again.
  const semiSpaceMb = limitMb <= 256 ? 1 : limitMb <= 512 ? 4 : 16;
  return [`--max-old-space-size=${oldSpaceMb}`, `--max-semi-space-size=${semiSpaceMb}`];
}

/** Whether somebody has set the limit already: by these flags in an earlier life, or by hand. */
export function hasHeapFlags(
  execArgv: readonly string[],
  nodeOptions: string | undefined,
): boolean {
  // Each may be in quotes in NODE_OPTIONS.
  const flag = /^"?--max[-_](old[-_]space|heap)[-_]size([-_]percentage)?(=|"?$)/;
  return [...execArgv, ...(nodeOptions ?? '').split(/\s+/)].some((each) => flag.test(each));
}
