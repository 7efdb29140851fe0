/** The processes of one node, without a network. */
import type { Process } from '../../lib/distribution/process/process.ts';
import {
  ProcessTable,
  type ProcessTableOptions,
} from '../../lib/distribution/process/process-table.ts';
import type { Pid } from '../../lib/distribution/terms/pid.ts';
import type { Term } from '../../lib/distribution/terms/term.ts';
import { RecordingRemote } from './recording-remote.ts';

/** What a server does that only is there. */
export const idle = { onMessage: () => {} };

/** A node `a@x`, and what leaves it. */
export function processTable(options: Partial<ProcessTableOptions> = {}): {
  readonly processes: ProcessTable;
  readonly remote: RecordingRemote;
} {
  const remote = new RecordingRemote();
  const processes = new ProcessTable({ node: 'a@x', creation: 7, remote, ...options });
  return { processes, remote };
}

/** A process that keeps every message it gets. */
export function collector(
  processes: ProcessTable,
  options: { trapExit?: boolean; link?: Pid; name?: string } = {},
): { readonly process: Process; readonly messages: Term[] } {
  const messages: Term[] = [];
  const process = processes.spawnServer({ ...options, onMessage: (m) => void messages.push(m) });
  return { process, messages };
}
