/** The adapter of a node that is alone. */
import type { PubSubAdapter } from './adapter.ts';

/** There are no other nodes, so whatever is meant for them is lost, as their absence has it. */
export class LocalAdapter implements PubSubAdapter {
  readonly name: string;

  constructor(name = 'nonode@nohost') {
    this.name = name;
  }

  start(): void {}
  broadcast(): void {}
  directBroadcast(): void {}
  stop(): void {}
}
