/** Nodes in one process that exchange copies of messages, later and in order, as a network would. */
import type { DeliverLocal, PubSubAdapter } from '../../lib/pubsub/adapter.ts';

export class MemoryNetwork {
  readonly #nodes = new Map<string, DeliverLocal>();

  adapter(name: string): PubSubAdapter {
    const send = (to: string, topic: string, message: unknown) => {
      const copy = structuredClone(message);
      setImmediate(() => this.#nodes.get(to)?.(topic, copy));
    };
    return {
      name,
      start: (deliverLocal) => {
        this.#nodes.set(name, deliverLocal);
      },
      broadcast: (topic, message) => {
        structuredClone(message);
        for (const other of this.#nodes.keys()) if (other !== name) send(other, topic, message);
      },
      directBroadcast: send,
      stop: () => {
        this.#nodes.delete(name);
      },
    };
  }
}
