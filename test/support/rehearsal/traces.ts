/** For tests of the rehearsal: may it run here, and what is left of it on the machine? */
import { readdirSync, readFileSync } from 'node:fs';
import { findWay } from './box.ts';

/** A reason to skip, or false: in CI (`CI=true`) a missing permission makes the test fail instead. */
export async function skipWithoutBoxes(): Promise<string | false> {
  if (process.env.CI === 'true') return false;
  try {
    await findWay();
    return false;
  } catch (error) {
    return error instanceof Error ? error.message.split('\n')[0]! : String(error);
  }
}

/** The command lines of all processes of this machine that contain a text. */
export function commandLinesWith(text: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLine(pid))
    .filter((line) => line.includes(text));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
