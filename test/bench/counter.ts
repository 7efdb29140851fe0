/**
 * What the counter's promise costs: increments per second with 64 in flight, and the time of a take-over.
 *
 *     node --import tsx test/bench/counter.ts [increments]
 *
 * The other nodes are processes of their own. Without the promise there is a server that only adds, and nobody
 * keeps anything: once with a call for each increment, as any client has it, and once with a call for those of
 * the same moment, as the counter sends them. The take-over is measured from the SIGKILL of the owner until the
 * first answer of the next one, on a node that was no owner.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { COUNTER_NAME, Counter } from '../../lib/counter.ts';
import {
  atom,
  type DistributedNode,
  type GenServer,
  startGenServer,
  startNode,
  type Term,
} from '../../lib/distribution/index.ts';
import { freePort } from '../support/free-ports.ts';
import { until } from '../support/until.ts';

const SELF = fileURLToPath(import.meta.url);
const IN_FLIGHT = 64;
const TAKE_OVERS = 50;

async function start(alive: string, epmdPort: number): Promise<DistributedNode> {
  return startNode({ name: `${alive}@127.0.0.1`, cookie: 'bench', epmdPort });
}

/** A child process: a node with the counter, and a server that only adds. */
async function serve(alive: string, epmdPort: number, peers: readonly string[]): Promise<void> {
  const node = await start(alive, epmdPort);
  for (const peer of peers) await node.local.connect(peer);
  await node.global.whenSynced(node.local.nodes(), 5_000);
  await new Counter({ node }).start();
  let count = 0;
  const adder: GenServer = {
    handleCall: (request) => {
      count += typeof request === 'number' ? request : 1;
      return { reply: count };
    },
  };
  await startGenServer(node.local.processes, adder, { name: 'adder' });
  process.once('disconnect', () => process.exit());
  process.send?.('ready');
}

async function spawn(alive: string, epmdPort: number, peers: readonly string[]) {
  const child = fork(SELF, ['serve', alive, String(epmdPort), ...peers]);
  await once(child, 'message');
  return child;
}

/** Increments of the same moment share a call, one at a time; the server adds them, and that is all. */
function batched(add: (count: number) => Promise<unknown>): () => Promise<void> {
  let waiting: (() => void)[] = [];
  let busy = false;
  const send = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await add(batch.length);
      for (const told of batch) told();
    }
    busy = false;
  };
  return () =>
    new Promise((resolve, reject) => {
      waiting.push(resolve);
      if (busy) return;
      busy = true;
      setImmediate(() => void send().catch(reject));
    });
}

/** Runs `increment` so often, 64 at a time. @returns how many per second */
async function rate(increments: number, increment: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let left = increments;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await increment();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, client));
  return Math.round((increments * 1000) / (performance.now() - startedAt));
}

function report(what: string, perSecond: number): void {
  console.log(`${what.padEnd(52)} ${String(perSecond).padStart(8)} increments/s`);
}

async function measureRates(increments: number): Promise<void> {
  const epmdPort = await freePort();
  const mapper = await start('mapper', epmdPort);
  const children = [await spawn('a', epmdPort, [])];
  children.push(await spawn('b', epmdPort, ['a@127.0.0.1']));
  const node = await start('c', epmdPort);
  for (const peer of ['a@127.0.0.1', 'b@127.0.0.1']) await node.local.connect(peer);
  await node.global.whenSynced(node.local.nodes(), 5_000);
  const counter = new Counter({ node });
  const child = await counter.start();
  const add = atom('increment');
  const adderCall = (request: Term) =>
    node.client.call({ name: 'adder', node: 'a@127.0.0.1' }, request);
  const single = () => adderCall(add);
  for (const count of [increments / 10, increments]) {
    const singles = await rate(count, single);
    const batches = await rate(count, batched(adderCall));
    const shared = await rate(count, () => counter.increment());
    if (count < increments) continue;
    report('without the promise, a call for each', singles);
    report('without the promise, those of a moment together', batches);
    report('through a node that is not the owner', shared);
  }
  for (const one of children) {
    one.disconnect();
    await once(one, 'exit');
    if (one === children[0]) {
      await until(async () => (await counter.get()) >= 0);
      const spare = await spawn('d', epmdPort, [node.local.name]);
      children.push(spare);
    }
    if (children.indexOf(one) === 1) {
      await until(() => counter.isOwner, { intervalMs: 5 });
      report('through the owner, with a backup', await rate(increments, () => counter.increment()));
    }
  }
  child.kill();
  await node.stop();
  await mapper.stop();
}

async function measureTakeOvers(): Promise<void> {
  const epmdPort = await freePort();
  const mapper = await start('mapper', epmdPort);
  const node = await start('z', epmdPort);
  const counter = new Counter({ node });
  const service = await counter.start();
  const times: number[] = [];
  let owner = await spawn('a0', epmdPort, [node.local.name]);
  // The first owner is this node itself: it hands over, and stands by from then on.
  service.shutdown();
  await service.exited;
  const standby = await counter.start();
  for (let round = 1; round <= TAKE_OVERS; round += 1) {
    const next = await spawn(`a${round}`, epmdPort, [node.local.name, `a${round - 1}@127.0.0.1`]);
    await counter.increment();
    const killedAt = performance.now();
    owner.kill('SIGKILL');
    // Asked at once, and again should the old one have answered while it died.
    do await counter.increment();
    while (node.global.whereisName(COUNTER_NAME)?.node === `a${round - 1}@127.0.0.1`);
    times.push(performance.now() - killedAt);
    owner = next;
  }
  times.sort((a, b) => a - b);
  const [median, worst] = [times[TAKE_OVERS / 2]!, times[TAKE_OVERS - 1]!];
  console.log(
    `take-over, ${TAKE_OVERS} times: median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`,
  );
  owner.disconnect();
  standby.kill();
  await node.stop();
  await mapper.stop();
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === 'serve') {
  const [alive = '', epmdPort = '', ...peers] = rest;
  await serve(alive, Number(epmdPort), peers);
} else {
  await measureRates(Number(mode ?? 100_000));
  await measureTakeOvers();
}
