/** Calls from a node without a network, and servers for them. */
import { GenServerClient } from '../../lib/distribution/gen-server/client.ts';
import type { CallResult, From, GenServer } from '../../lib/distribution/gen-server/gen-server.ts';
import { isAtom } from '../../lib/distribution/terms/atom.ts';
import type { Term } from '../../lib/distribution/terms/term.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { FakeClock } from './fake-clock.ts';
import { processTable } from './process-table.ts';

/** Counts up, and answers the count. */
export class Counter implements GenServer {
  #count = 0;

  handleCall(request: Term): CallResult {
    if (isAtom(request, 'increment')) this.#count += 1;
    return { reply: this.#count };
  }
}

/** Answers nobody, and remembers who asked. */
export class Silent implements GenServer {
  readonly callers: From[] = [];

  handleCall(_request: Term, from: From): CallResult {
    this.callers.push(from);
    return { noReply: true };
  }
}

/** A client on the node `a@x`, and what leaves that. */
export function clientAlone(options: { telemetry?: Telemetry } = {}) {
  const clock = new FakeClock();
  const { processes, remote } = processTable({ clock });
  const client = new GenServerClient({ processes, ...options });
  return { clock, remote, processes, client };
}

/** What is left when no call is under way. */
export const CLIENT_ONLY = { processes: 1, links: 0, monitors: 0, aliases: 0, names: 0 };
