/** A singleton as simple as can be, on the nodes of a test: notes of numbers. */
import {
  atom,
  type CallResult,
  type GenServer,
  isTuple,
  type Term,
  tuple,
} from '../../lib/distribution/index.ts';
import { Singleton, type SingletonRole } from '../../lib/singleton/singleton.ts';
import { type ClusterMember, TestCluster } from './cluster.ts';
import { until } from './until.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

/** The global name of the notes. */
export const NAME = atom('notes');

/** A set of numbers that only grows. */
class Notes implements SingletonRole {
  readonly known = new Set<number>();
  singleton: Singleton | undefined;
  failing = false;
  suspend: () => Promise<void> = async () => undefined;

  createServer(): GenServer {
    return {
      handleCall: async (request): Promise<CallResult> => {
        if (this.failing) throw new Error('a fault of the server');
        if (!isTuple(request, 2, 'add')) return { reply: this.exportState() };
        const number = Number(request.elements[1]);
        await this.singleton?.replicate([number]);
        this.known.add(number);
        return { reply: this.known.size };
      },
    };
  }

  exportState(): Term {
    return [...this.known];
  }

  mergeState(state: Term): boolean {
    if (!Array.isArray(state)) return false;
    for (const number of state as readonly Term[]) this.known.add(Number(number));
    return true;
  }
}

/** The notes of one node. */
export interface Running {
  readonly node: ClusterMember;
  readonly notes: Notes;
  readonly singleton: Singleton;
  readonly events: { event: string; metadata: object }[];
}

/** Starts the notes of a node. */
export async function start(node: ClusterMember): Promise<Running> {
  const notes = new Notes();
  const events: { event: string; metadata: object }[] = [];
  node.telemetry.attach('notes', 'notes.owner.*', (event, _, metadata) => {
    events.push({ event: event.slice('notes.owner.'.length), metadata });
  });
  const singleton = await Singleton.start({
    node,
    name: NAME,
    memberName: 'notes_member',
    role: notes,
    telemetry: node.telemetry,
    event: 'notes.owner',
  });
  notes.singleton = singleton;
  return { node, notes, singleton, events };
}

/** Nodes with these names, each with notes. */
export async function cluster(t: Teardown, ...names: readonly string[]) {
  const nodes = await TestCluster.start(names);
  t.teardown(() => nodes.stop());
  const running: Running[] = await Promise.all(nodes.nodes.map(start));
  return { nodes, running };
}

/** Adds a number. @returns how many there are */
export const add = (from: ClusterMember, number: number): Promise<Term> =>
  from.client.call({ global: NAME }, tuple(atom('add'), number));

/** Those that say that they own it. */
export const owners = (running: readonly Running[]): Running[] =>
  running.filter(({ singleton }) => singleton.isOwner);

/** Resolves when there is one, and all know which. */
export const oneOwner = (running: readonly Running[]) =>
  until(
    () => {
      const [owner, ...more] = owners(running);
      if (owner === undefined || more.length > 0) return false;
      return running.every(({ node }) => node.global.whereisName(NAME)?.node === owner.node.name);
    },
    { intervalMs: 2, what: 'one owner' },
  );
