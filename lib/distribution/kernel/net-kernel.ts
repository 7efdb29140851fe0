import { parseCall } from '../gen-server/envelope.ts';
import { reply } from '../gen-server/reply.ts';
import type { Process } from '../process/process.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { atom } from '../terms/atom.ts';
import { isTuple, tuple } from '../terms/term.ts';
import type { IgnoredMessage } from './ignored-message.ts';

const YES = atom('yes');
const UNKNOWN_CALL = tuple(atom('error'), atom('unknown_call'));

/**
 * Starts `net_kernel`, which answers `net_adm:ping/1`: `{is_auth, Node}` gets `yes`. Without it the
 * pinging node would disconnect us. Other calls get `{error, unknown_call}`, so that no caller waits.
 *
 * @see OTP `net_kernel`, handle_call/3; reference 6.3
 */
export function startNetKernel(processes: ProcessTable, onIgnored: IgnoredMessage): Process {
  const process = processes.spawnServer({
    name: 'net_kernel',
    trapExit: true,
    onMessage: (message) => {
      const call = parseCall(message);
      const isPing = isTuple(call?.request, 2, 'is_auth');
      if (!isPing) onIgnored('net_kernel', message);
      if (call !== undefined) {
        reply(processes, call.from, isPing ? YES : UNKNOWN_CALL, process.pid);
      }
    },
  });
  return process;
}
