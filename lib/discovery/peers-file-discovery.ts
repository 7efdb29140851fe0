import { readFile } from 'node:fs/promises';
import { parsePeers, peerNodes } from '../peers.ts';
import type { DiscoverySource } from './discovery.ts';

/**
 * The other instances of this application, from the file in which the platform lists them. Read anew
 * in every round, because the platform rewrites it while we run. A file that cannot be used, such as
 * one that is being written, changes nothing, and is reported once until it can be used again.
 */
export class PeersFileDiscovery implements DiscoverySource {
  readonly name = 'peers file';
  readonly #path: string;
  readonly #ownName: string;
  readonly #read: (path: string) => Promise<string>;
  #text: string | undefined;
  #nodes: readonly string[] = [];
  #problem: string | undefined;

  constructor(
    path: string,
    ownName: string,
    read: (path: string) => Promise<string> = (file) => readFile(file, 'utf8'),
  ) {
    this.#path = path;
    this.#ownName = ownName;
    this.#read = read;
  }

  /** @throws {PeersError | Error} once for each problem; later rounds keep to what was known */
  async discover(): Promise<readonly string[]> {
    try {
      const text = await this.#read(this.#path);
      if (text !== this.#text) {
        this.#nodes = peerNodes(parsePeers(text), this.#ownName);
        this.#text = text;
      }
      this.#problem = undefined;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const isNew = problem !== this.#problem;
      this.#problem = problem;
      if (isNew) throw error;
    }
    return this.#nodes;
  }
}
