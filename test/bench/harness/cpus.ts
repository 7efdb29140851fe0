/** Which processor runs what: those that serve and those that make the load do not share one. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isInstalled } from '../../support/installed.ts';

/** The part that a process has in a measurement; `any` runs wherever there is room. */
export type Part = 'server' | 'load' | 'any';

/** The first two processors that this process may run on; fewer where there are not as many, or none is told. */
const processors = allowedProcessors();

/** Whether parts get processors of their own here. */
export const pinning = processors.length > 1 && isInstalled('taskset');

function processorOf(part: Part): string {
  return String(processors[part === 'server' ? 1 : 0]);
}

/** Such as `0-3,8`: Linux tells it, and is what has `taskset`. */
function allowedProcessors(): number[] {
  let status: string;
  try {
    status = readFileSync('/proc/self/status', 'utf8');
  } catch {
    return [];
  }
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1] ?? '';
  const ranges = list.split(',').map((range) => range.split('-').map(Number));
  return ranges
    .flatMap(([from = 0, to = from]) => (to > from ? [from, from + 1] : [from]))
    .slice(0, 2);
}

/** A command that runs `program` on the processor of its part. */
export function pinned(part: Part, program: string, args: readonly string[]): [string, string[]] {
  if (!pinning || part === 'any') return [program, [...args]];
  return ['taskset', ['--cpu-list', processorOf(part), program, ...args]];
}

/** Moves a running process with all of its threads. */
export function pin(part: Part, pid: number): void {
  if (!pinning || part === 'any') return;
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', processorOf(part), String(pid)], {
    stdio: 'ignore',
  });
}
