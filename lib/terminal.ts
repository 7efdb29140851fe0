/**
 * The terminal that a process was started on, which may be closed before the process ends.
 *
 * At its exit Node.js restores the terminal, and a release without nodejs/node#58200, such as 20.20, aborts with
 * a core dump where there is none any more. What has been told to stop by the end of its terminal (SIGHUP)
 * therefore ends by that signal once its work is done: nobody is there to ask for the exit code.
 */
import { isatty } from 'node:tty';

/** The part of `process` that matters here. */
export interface TerminalProcess {
  readonly pid: number;
  kill(pid: number, signal: 'SIGHUP'): unknown;
}

/** The standard streams of this process that are terminals, as file descriptors. */
export function openTerminals(isTerminal: (fd: number) => boolean = isatty): readonly number[] {
  return [0, 1, 2].filter(isTerminal);
}

/**
 * Ends this process by SIGHUP if one of the terminals is gone. It is the last thing that a program does, when
 * nobody listens for signals any longer.
 */
export function endWithTerminals(
  terminals: readonly number[],
  self: TerminalProcess = process,
  isTerminal: (fd: number) => boolean = isatty,
): void {
  if (!terminals.every(isTerminal)) self.kill(self.pid, 'SIGHUP');
}
