import type { ProcessTable } from '../process/process-table.ts';
import type { Pid } from '../terms/pid.ts';
import type { Term } from '../terms/term.ts';
import { type From, replyDestination, replyMessage } from './envelope.ts';

export type { From } from './envelope.ts';

/**
 * Answers a call, also long after the callback has returned. Never dials: a caller whose node is gone
 * has given up.
 *
 * @param sender the server's pid; without it the reply comes from no process
 */
export function reply(
  processes: ProcessTable,
  from: From,
  answer: Term,
  sender: Pid = processes.nobody,
): void {
  const to = replyDestination(from);
  processes.send(sender, to, replyMessage(from, answer), { connect: false });
}
