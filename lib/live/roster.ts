/**
 * Who is in the cluster, and what is known of each: this node, the nodes it is connected with, and what
 * they tell of themselves on the topic `cluster:status`. Nodes of the BEAM tell nothing, and are known by
 * that.
 */
import * as z from 'zod';

/** Where nodes publish their status: when they meet another one, and every few seconds. */
export const STATUS_TOPIC = 'cluster:status';

const nodeName = z.string().min(1).max(255);
const short = z.string().max(100);

/** A message of the topic `cluster:status`: what a node says of itself. */
export const statusSchema = z.object({
  node: nodeName,
  /** names this start of the node */
  incarnation: z.string().min(1).max(300),
  /** milliseconds since 1970, by its own clock */
  startedAt: z.int().nonnegative(),
  /** of the application */
  version: short,
  /** such as `Node.js 24.1.0` */
  runtime: short,
  /** `null`: it could not be read */
  memoryBytes: z.int().nonnegative().nullable(),
  /** how many nodes it is connected with */
  connections: z.int().nonnegative(),
  /** the first of them, so that everybody can see the links of all */
  peers: z.array(nodeName).max(64),
});

/** What a node says of itself. */
export type Status = Readonly<z.infer<typeof statusSchema>>;

/** A node as spectators see it. */
export interface RosterEntry {
  readonly name: string;
  /** `node`: one of ours; `beam`: Erlang or Elixir; `unknown`: it has not said */
  readonly kind: 'node' | 'beam' | 'unknown';
  readonly runtime: string | null;
  readonly version: string | null;
  readonly startedAt: number | null;
  readonly memoryBytes: number | null;
  readonly connections: number | null;
  readonly peers: readonly string[];
}

/** A larger cluster is not shown completely; nothing grows without limit. */
const MAX_NODES = 256;

export class Roster {
  readonly #self: string;
  readonly #entries = new Map<string, RosterEntry>();
  readonly #statuses = new Map<string, Status>();

  constructor(self: Status) {
    this.#self = self.node;
    this.#entries.set(self.node, entryOf(self));
    this.#statuses.set(self.node, self);
  }

  /** All nodes, this one first, the others by name. */
  get entries(): readonly RosterEntry[] {
    const [self, ...others] = this.#entries.values();
    others.sort((a, b) => (a.name < b.name ? -1 : 1));
    return self === undefined ? others : [self, ...others];
  }

  get(name: string): RosterEntry | undefined {
    return this.#entries.get(name);
  }

  /** What a node has said last of itself. */
  statusOf(name: string): Status | undefined {
    return this.#statuses.get(name);
  }

  /** A connection has come up. @returns the entry; `undefined` if it is not to be shown */
  up(name: string): RosterEntry | undefined {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    if (this.#entries.size >= MAX_NODES) return undefined;
    return this.#set({
      ...{ name, kind: 'unknown', runtime: null, version: null, startedAt: null },
      ...{ memoryBytes: null, connections: null, peers: [] },
    });
  }

  /** A connection has ended. @returns whether the node was there */
  down(name: string): boolean {
    if (name === this.#self) return false;
    this.#statuses.delete(name);
    return this.#entries.delete(name);
  }

  /** @returns the entry, if the node is there and something about it has changed */
  status(status: Status): RosterEntry | undefined {
    if (!this.#entries.has(status.node)) return undefined;
    const before = this.#statuses.get(status.node);
    this.#statuses.set(status.node, status);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(status)) return undefined;
    return this.#set(entryOf(status));
  }

  /** A node that has said nothing was found out to be one of the BEAM. @returns the entry, if so */
  beam(name: string, runtime: string | null): RosterEntry | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.kind === 'node') return undefined;
    return this.#set({ ...entry, kind: 'beam', runtime });
  }

  #set(entry: RosterEntry): RosterEntry {
    this.#entries.set(entry.name, entry);
    return entry;
  }
}

function entryOf(status: Status): RosterEntry {
  const { node, runtime, version, startedAt, memoryBytes, connections, peers } = status;
  const entry = { name: node, kind: 'node' as const, runtime, version, startedAt };
  return { ...entry, memoryBytes, connections, peers };
}
