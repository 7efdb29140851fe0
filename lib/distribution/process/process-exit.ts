import type { Term } from '../terms/term.ts';

/**
 * Says that a process has ended, with its exit reason as a term.
 *
 * A pending or later `receive` of an ended process rejects with it. A process that throws it ends
 * with `reason`, as Erlang's `exit/1` does, and that does not count as a crash.
 */
export class ProcessExit extends Error {
  readonly reason: Term;

  constructor(reason: Term, message = 'the process has ended', cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ProcessExit';
    this.reason = reason;
  }
}
