import { castMessage } from '../../gen-server/envelope.ts';
import type { Process } from '../../process/process.ts';
import type { Term } from '../../terms/term.ts';
import { GLOBAL_NAME_SERVER } from './messages/protocol.ts';

/** What is sent to the `global` servers of other nodes. */
export class Outbox {
  readonly #server: Process;

  constructor(server: Process) {
    this.#server = server;
  }

  /** A message without envelope belongs to a connection that is there; it never dials. */
  send(node: string, message: Term): void {
    this.#server.send({ name: GLOBAL_NAME_SERVER, node }, message, { connect: false });
  }

  /**
   * A cast dials: a node may be known before it is connected, and must hear of new nodes all the same.
   *
   * @param from the locker's process for what must stay in order with its calls
   */
  cast(node: string, request: Term, from: Process = this.#server): void {
    from.send({ name: GLOBAL_NAME_SERVER, node }, castMessage(request));
  }
}
