/** Meshes of more and more nodes: until all know each other, until all know a new name, and memory. */
import type { PrivateEpmd } from '../../support/peers.ts';
import { startMapper } from '../harness/port-mapper.ts';
import type {
  Figure,
  Plot,
  Point,
  RunSettings,
  Scenario,
  ScenarioResult,
} from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';
import { Worker } from '../harness/worker.ts';

const SIZES = [10, 25, 50, 100];
const NODES_PER_PROCESS = 10;
const NAMES = 15;
const MB = 1024 * 1024;

export const mesh: Scenario = {
  name: 'mesh',
  rows: [14],
  title: 'Meshes of nodes, several in one process',
  quick: false,
  run,
};

interface Mesh {
  readonly meshMs: number;
  readonly nameMs: readonly number[];
  readonly megabytesPerNode: number;
}

async function run({ log }: RunSettings): Promise<ScenarioResult> {
  const figures: Figure[] = [];
  const points = new Map<string, Point[]>();
  const names = new Map<number, number>();
  const add = (name: string, size: number, unit: string, rounds: readonly number[]): void => {
    const middle = median(rounds);
    figures.push({ name: `${name}, ${size} nodes`, unit, rounds, median: middle });
    points.set(name, [...(points.get(name) ?? []), { series: name, x: size, y: middle }]);
  };
  for (const size of SIZES) {
    const { meshMs, nameMs, megabytesPerNode } = await measure(size);
    add('full mesh', size, 'ms', [meshMs]);
    add('new name seen by all', size, 'ms', nameMs);
    add('memory per node', size, 'MB', [megabytesPerNode]);
    names.set(size, median(nameMs));
    log(
      `  ${size} nodes: mesh ${Math.round(meshMs)} ms, name ${median(nameMs).toFixed(1)} ms, ${megabytesPerNode.toFixed(1)} MB each`,
    );
  }
  const [smallest = 1, largest = 1] = [SIZES[0], SIZES.at(-1)];
  const growth = (names.get(largest) ?? Number.NaN) / (names.get(smallest) ?? Number.NaN);
  const plots = [...points].map(
    ([name, all]): Plot => ({
      ...{ name: `mesh-${name.replaceAll(' ', '-')}`, title: `Mesh: ${name}`, x: 'nodes' },
      ...{ y: name === 'memory per node' ? 'MB' : 'ms', points: all },
    }),
  );
  return {
    figures,
    plots,
    ratios: [
      {
        ...{
          id: 'mesh-name-growth',
          row: 14,
          what: `time per name at ${largest} : at ${smallest} nodes, per node`,
        },
        value: growth / (largest / smallest),
        reach: { kind: 'atMost', limit: 1 },
      },
      {
        ...{ id: 'mesh-largest', row: 14, what: 'nodes of the largest full mesh' },
        value: largest,
        reach: { kind: 'atLeast', limit: 100 },
      },
    ],
    notes: [
      `${NODES_PER_PROCESS} nodes in a process, on all processors; connecting one after the other`,
    ],
  };
}

async function measure(size: number): Promise<Mesh> {
  const epmd = await startMapper();
  const workers: Worker[] = [];
  try {
    return await measureWith(size, epmd, workers);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await epmd.stop();
  }
}

async function measureWith(size: number, epmd: PrivateEpmd, workers: Worker[]): Promise<Mesh> {
  const names = Array.from({ length: size }, (_, at) => `mesh${at}@127.0.0.1`);
  const first = names[0]!;
  for (let at = 0; at < size; at += NODES_PER_PROCESS) {
    const worker = await Worker.start('workers/mesh', { part: 'any', args: [String(epmd.port)] });
    workers.push(worker);
    await worker.ask('start', names.slice(at, at + NODES_PER_PROCESS));
  }
  const all = (command: string, argument: unknown = null) =>
    Promise.all(workers.map((worker) => worker.ask(command, argument)));
  const startedAt = performance.now();
  for (const worker of workers) await worker.ask('join', first);
  await all('complete', size);
  const meshMs = performance.now() - startedAt;
  await all('synced');

  const nameMs: number[] = [];
  for (let i = 0; i < NAMES; i += 1) {
    const before = performance.now();
    const seen = all('seen', `name${i}`);
    await workers[i % workers.length]!.ask('register', `name${i}`);
    await seen;
    nameMs.push(performance.now() - before);
  }
  const resident = (await all('resident')) as number[];
  const megabytes = resident.reduce((sum, bytes) => sum + bytes, 0) / MB;
  return { meshMs, nameMs: nameMs.slice(1), megabytesPerNode: megabytes / size };
}
