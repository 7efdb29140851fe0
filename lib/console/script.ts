import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Conversation } from './conversation.ts';

/**
 * Evaluates the lines of a script, from a pipe or a file, each as soon as it has come and the one
 * before it is done. Nothing but results is printed, so that a script's output can be used.
 *
 * @param signal ends it before the script does: the lines that have not been reached are not run
 * @returns at the end of the script
 */
export async function runScript(
  conversation: Conversation,
  input: Readable,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, terminal: false });
  const close = (): void => lines.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    for await (const line of lines) {
      if (signal.aborted || line.trim() === '.exit') return;
      await conversation.line(line, signal);
      if (signal.aborted) return;
    }
    if (!signal.aborted) conversation.end();
  } finally {
    signal.removeEventListener('abort', close);
    lines.close();
  }
}
