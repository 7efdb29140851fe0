/** Several nodes of ours in one process. Arguments: port of the port mapper. */
import {
  atom,
  type DistributedNode,
  startGenServer,
  startNode,
} from '../../../lib/distribution/index.ts';
import { answerCommands } from './commands.ts';

const [epmdPort = ''] = process.argv.slice(2);
const nodes: DistributedNode[] = [];

async function start(names: readonly string[]): Promise<void> {
  for (const name of names) {
    nodes.push(await startNode({ name, cookie: 'bench-mesh', epmdPort: Number(epmdPort) }));
  }
}

/** Longer than any step takes on a busy machine; what takes longer does not come to an end. */
const DEADLINE_MS = 240_000;

/** Resolves when `holds` does, looked at once a millisecond. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

answerCommands(
  {
    start,
    /** one after the other, as instances come up; whom they meet tells them of the rest */
    join: async (first: string) => {
      for (const node of nodes) if (node.local.name !== first) await node.local.connect(first);
    },
    complete: (size: number) =>
      until('a full mesh', () => nodes.every(({ local }) => local.nodes().length === size - 1)),
    synced: async () => {
      await Promise.all(nodes.map(({ global, local }) => global.whenSynced(local.nodes(), 60_000)));
    },
    register: async (name: string) => {
      const node = nodes[0];
      if (node === undefined) throw new Error('expected a node');
      const started = await startGenServer(node.local.processes, {});
      if (started.type !== 'started') throw new Error('expected the server to start');
      if (!(await node.global.registerName(atom(name), started.pid))) {
        throw new Error(`expected the name ${name} to be free`);
      }
    },
    seen: (name: string) =>
      until(name, () => nodes.every(({ global }) => global.whereisName(atom(name)) !== undefined)),
    resident: () => {
      return process.memoryUsage().rss;
    },
  },
  async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  },
);
