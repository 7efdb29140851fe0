import t from 'tap';
import { LocalCluster, type NodeHandle } from '../../../lib/cluster/local-cluster.ts';
import type { Exit } from '../../../lib/cluster/node-process.ts';
import { type PlannedNode, planNodes } from '../../../lib/cluster/plan.ts';

class FakeNode implements NodeHandle {
  readonly node: PlannedNode;
  readonly pid = 1;
  readonly exited: Promise<Exit>;
  lastWords = '';
  hasStarted = false;
  isStopping = false;
  readonly #order: string[];
  #settle: (exit: Exit) => void = () => {};

  constructor(node: PlannedNode, order: string[]) {
    this.node = node;
    this.#order = order;
    this.exited = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  start(): void {
    this.hasStarted = true;
  }

  end(exit: Exit, lastWords = ''): void {
    this.lastWords = lastWords;
    this.#settle(exit);
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.#order.push(`stop ${this.node.name}`);
    this.#settle({ type: 'code', code: 0 });
  }

  kill(): void {
    this.isStopping = true;
    this.#settle({ type: 'signal', signal: 'SIGKILL' });
  }
}

/** Time passes with each pause between two questions. */
function skippingClock() {
  let nowMs = 0;
  return {
    now: () => nowMs,
    setTimer: (delayMs: number, callback: () => void) => {
      nowMs += delayMs;
      const handle = setImmediate(callback);
      return () => clearImmediate(handle);
    },
  };
}

function create({ seen = 3, starts = true } = {}) {
  const options = { nodes: 3, firstTcpPort: 5000, epmdPort: 4370, verbose: false };
  const said: string[] = [];
  const order: string[] = [];
  const nodes: FakeNode[] = [];
  const stopping = new AbortController();
  const cluster = new LocalCluster({
    nodes: planNodes(options, 'c', {}),
    program: 'program.js',
    say: (line) => said.push(line),
    onLine: () => {},
    signal: stopping.signal,
    clock: skippingClock(),
    probe: {
      nodes: async () => seen,
      count: async () => 0,
    },
    startProcess: ({ node }) => {
      const made = new FakeNode(node, order);
      nodes.push(made);
      if (starts) setImmediate(() => made.start());
      return made;
    },
  });
  return { cluster, said, order, nodes, stopping };
}

t.test('starts the first node, then the others, and says when all is well', async (t) => {
  const { cluster, said } = create();
  await cluster.start();
  t.match(said, [
    'starting node1@127.0.0.1',
    'node1@127.0.0.1 serves http://127.0.0.1:5000',
    'starting node2@127.0.0.1',
    'starting node3@127.0.0.1',
    /node[23]@127.0.0.1 serves/,
    /node[23]@127.0.0.1 serves/,
    'all 3 nodes see each other',
    'the counter answers on every node',
  ]);
});

t.test(
  'a node counts as started when it says so itself, not when somebody answers in its place',
  async (t) => {
    const { cluster, nodes, said } = create({ starts: false });
    const starting = cluster.start();
    await new Promise(setImmediate);
    t.strictSame(said, ['starting node1@127.0.0.1']);
    nodes[0]?.end({ type: 'code', code: 1 }, 'cannot start: the name is taken');
    await t.rejects(starting, { message: /the name is taken/ });
  },
);

t.test('says why a node could not start, and starts no other', async (t) => {
  const { cluster, nodes } = create({ starts: false });
  const starting = cluster.start();
  nodes[0]?.end({ type: 'code', code: 1 }, 'cannot start: the port is taken');
  await t.rejects(starting, {
    name: 'ClusterStartError',
    message: 'node1@127.0.0.1 has ended with exit code 1:\ncannot start: the port is taken',
  });
  t.equal(nodes.length, 1);
});

t.test('gives up when the nodes do not find each other in time', async (t) => {
  const { cluster } = create({ seen: 2 });
  await t.rejects(cluster.start(), { message: /waited too long for node1.* to see all 3 nodes/ });
});

t.test('gives up when it is asked to', async (t) => {
  const { cluster, stopping, said } = create({ starts: false });
  const starting = cluster.start();
  const reason = new Error('enough');
  stopping.abort(reason);
  await t.rejects(starting, reason);
  await cluster.stop();
  t.strictSame(said, ['starting node1@127.0.0.1']);
});

t.test('reports a node that ends later, and stops the first node last', async (t) => {
  const { cluster, said, order, nodes } = create();
  await cluster.start();
  nodes[1]?.end({ type: 'signal', signal: 'SIGKILL' });
  await nodes[1]?.exited;
  t.equal(said.at(-1), 'node2@127.0.0.1 has ended by SIGKILL');
  const before = said.length;
  await cluster.stop();
  await cluster.ended;
  t.equal(order.at(-1), 'stop node1@127.0.0.1');
  t.equal(said.length, before);
});
