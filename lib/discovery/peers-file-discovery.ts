import { readFile } from 'node:fs/promises';
import { type Clock, systemClock } from '../clock.ts';
import { parsePeers, peerNodes } from '../peers.ts';
import type { DiscoverySource } from './discovery.ts';

export interface PeersFileDiscoveryOptions {
  readonly path: string;
  /** our node, `NAME@ADDRESS` */
  readonly ownName: string;
  /** the key of our own entry */
  readonly hostname: string;
  /** whether a file that is missing, and has never been there, is a problem */
  readonly expected: boolean;
  /** how long a node that is listed no more is still dialled; default a minute */
  readonly graceMs?: number;
  readonly read?: (path: string) => Promise<string>;
  readonly clock?: Clock;
  /** hears what is wrong with the file: each problem once, until the file can be used again */
  readonly onProblem?: (error: Error) => void;
  /** hears of a node that is dialled no more */
  readonly onLetGo?: (node: string) => void;
}

/**
 * The other instances of this application, from the file in which the platform lists them. Read anew
 * in every round, because the platform rewrites it while we run, in place or as a new file. A file that
 * cannot be used, such as one that is being written, changes nothing.
 *
 * A node that is listed no more stays among the nodes for a grace time: while instances are replaced, a list
 * may lack one for a moment. Then it is let go, which means that nobody dials it. A connection with
 * it is never cut: as long as the node is there it does its part in the cluster, and to drop one
 * connection of many makes nodes accuse each other. It ends with the node, or after the tick time.
 */
export class PeersFileDiscovery implements DiscoverySource {
  readonly name = 'peers file';
  readonly #options: Required<PeersFileDiscoveryOptions>;
  #text: string | undefined;
  #listed: readonly string[] = [];
  /** nodes that are listed no more, and until when they are dialled */
  readonly #leaving = new Map<string, number>();
  /** of a file that cannot be used, what has been told */
  readonly #problems = new Set<string>();

  constructor(options: PeersFileDiscoveryOptions) {
    this.#options = {
      graceMs: 60_000,
      read: (path) => readFile(path, 'utf8'),
      clock: systemClock,
      onProblem: () => {},
      onLetGo: () => {},
      ...options,
    };
  }

  /** Never rejects. */
  async discover(): Promise<readonly string[]> {
    try {
      this.#take(await this.#options.read(this.#options.path));
      this.#problems.clear();
    } catch (error) {
      this.#report(error instanceof Error ? error : new Error(String(error)));
    }
    this.#letGo();
    return [...this.#listed, ...this.#leaving.keys()];
  }

  /** @throws {PeersError} if the text is no list; nothing has changed then */
  #take(text: string): void {
    if (text === this.#text) return;
    const { ownName, hostname, clock, graceMs } = this.#options;
    const listed = new Set(peerNodes(parsePeers(text), ownName, hostname));
    const until = clock.now() + graceMs;
    for (const node of this.#listed) if (!listed.has(node)) this.#leaving.set(node, until);
    for (const node of listed) this.#leaving.delete(node);
    this.#listed = [...listed];
    this.#text = text;
  }

  #letGo(): void {
    const now = this.#options.clock.now();
    for (const [node, until] of this.#leaving) {
      if (now < until) continue;
      this.#leaving.delete(node);
      this.#options.onLetGo(node);
    }
  }

  #report(error: Error): void {
    const isMissing = 'code' in error && error.code === 'ENOENT';
    if (isMissing && !this.#options.expected && this.#text === undefined) return;
    if (this.#problems.has(error.message)) return;
    this.#problems.add(error.message);
    this.#options.onProblem(error);
  }
}
