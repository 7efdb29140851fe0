/** Nodes in one process that exchange copies of messages, later and in order, as a network would. */
import type { LocalDelivery, PubSubAdapter } from '../../lib/pubsub/adapter.ts';

export class MemoryNetwork {
  readonly #nodes = new Map<string, LocalDelivery>();

  adapter(name: string): PubSubAdapter {
    const send = (to: string, topic: string, message: unknown) => {
      const copy = structuredClone(message);
      setImmediate(() => this.#nodes.get(to)?.deliver(topic, copy));
    };
    return {
      name,
      start: (local) => {
        this.#nodes.set(name, local);
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
