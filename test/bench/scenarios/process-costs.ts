/** What the program costs before it does anything, and whether it grows under load. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/free-ports.ts';
import { Child } from '../harness/child.ts';
import { httpLoad, wrkMissing } from '../harness/http-load.ts';
import { PROGRAM } from '../harness/preparation.ts';
import { interleave, ratioOf, type Variant } from '../harness/rounds.ts';
import type {
  Plot,
  Point,
  Ratio,
  RunSettings,
  Scenario,
  ScenarioResult,
} from '../harness/scenario.ts';
import { BUILT } from '../harness/worker.ts';

export const processCosts: Scenario = {
  name: 'process-costs',
  rows: [11, 12],
  title: 'Memory and start-up of the program',
  quick: true,
  run,
};

const POST = fileURLToPath(new URL('../harness/post.lua', import.meta.url));
const MB = 1024 * 1024;
const OURS = 'ours';
const BARE = 'bare node:http';
const SETTLE_MS = 2_000;

interface Started {
  readonly child: Child;
  readonly url: string;
  readonly startMs: number;
}

async function run(settings: RunSettings): Promise<ScenarioResult> {
  const starts = [OURS, BARE].map(
    (name): Variant => ({
      ...{ name: `${name}, start to the first 200`, unit: 'ms' },
      measure: async () => {
        const { child, startMs } = await start(name);
        await child.stop();
        return startMs;
      },
    }),
  );
  const rests = [OURS, BARE].map(
    (name): Variant => ({
      ...{ name: `${name}, resident at rest`, unit: 'MB' },
      measure: async () => {
        const { child } = await start(name);
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
        const resident = residentMb(child.pid);
        await child.stop();
        return resident;
      },
    }),
  );
  const memoryRounds = settings.quick ? { ...settings, rounds: 1 } : settings;
  const figures = new Map([
    ...(await interleave(starts, settings)),
    ...(await interleave(rests, memoryRounds)),
  ]);
  const ratio = (id: string, row: number, what: string, limit: number): Ratio => ({
    ...{ id, row, what: `${OURS}, ${what} : ${BARE}` },
    value: ratioOf(figures, `${OURS}, ${what}`, `${BARE}, ${what}`),
    reach: { kind: 'atMost', limit },
  });
  const ratios = [
    ratio('memory-rest', 11, 'resident at rest', 1.4),
    ratio('start', 12, 'start to the first 200', 1.8),
  ];
  if (settings.quick || wrkMissing !== undefined) {
    return {
      figures: [...figures.values()],
      ratios,
      notes: ['growth under load was not measured'],
    };
  }
  const { growthMb, plot } = await underLoad(settings);
  ratios.push({
    ...{
      id: 'memory-growth',
      row: 11,
      what: 'MB that the heap grows under load, after collection',
    },
    value: growthMb,
    reach: { kind: 'atMost', limit: 2 },
  });
  const seconds = Math.round(settings.soakMs / 1000);
  const notes = [
    `load for ${seconds} s: GET / and POST /counter/increment in turns; \`--soak\` sets it`,
  ];
  return { figures: [...figures.values()], ratios, plots: [plot], notes };
}

async function start(name: string, probe = false): Promise<Started> {
  const tcpPort = await freePort();
  const script = name === OURS ? PROGRAM : `${BUILT}workers/bare-http.js`;
  const nodeArgs = probe ? ['--import', `${BUILT}workers/heap-probe.js`] : [];
  const startedAt = performance.now();
  const child = new Child(name, 'server', process.execPath, [...nodeArgs, script], {
    stdio: probe ? ['ignore', 'ignore', 'inherit', 'ipc'] : ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...{ NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(tcpPort) },
      ...{ ENABLE_DISTRIBUTION: 'false', LOG_LEVEL: 'info', BODY: '{"ready":true}' },
    },
  });
  const url = `http://127.0.0.1:${tcpPort}/`;
  while (!(await answers(url))) {
    if (performance.now() - startedAt > 30_000) throw new Error(`${name} does not answer`);
  }
  return { child, url, startMs: performance.now() - startedAt };
}

function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, { agent: false }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200));
    });
    asked.once('error', () => setTimeout(() => resolve(false), 2));
    asked.end();
  });
}

function residentMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

/** The heap after a collection, again and again while there is load; the first reading is after a warm-up. */
async function underLoad(
  settings: RunSettings,
): Promise<{ readonly growthMb: number; readonly plot: Plot }> {
  const { child, url } = await start(OURS, true);
  const points: Point[] = [];
  const heap = async (): Promise<number> => {
    const answer = once(child.process, 'message');
    child.process.send('heap');
    const [{ heapUsed, rss }] = (await answer) as [{ heapUsed: number; rss: number }];
    const x = Math.round((performance.now() - startedAt) / 1000);
    points.push({ series: 'heap', x, y: heapUsed / MB }, { series: 'resident', x, y: rss / MB });
    return heapUsed / MB;
  };
  let startedAt = performance.now();
  const turnMs = Math.max(2_000, settings.soakMs / 20);
  const turn = async (): Promise<void> => {
    await httpLoad(url, turnMs / 2);
    await httpLoad(`${url}counter/increment`, turnMs / 2, POST);
  };
  try {
    // Until all that is compiled is compiled, and what is cached is cached.
    await turn();
    await turn();
    startedAt = performance.now();
    const before = await heap();
    let after = before;
    while (performance.now() - startedAt < settings.soakMs) {
      await turn();
      after = await heap();
      settings.log(
        `  heap after ${Math.round((performance.now() - startedAt) / 1000)} s: ${after.toFixed(1)} MB`,
      );
    }
    const plot = { name: 'memory', title: 'Memory under load', x: 's', y: 'MB', points };
    return { growthMb: after - before, plot };
  } finally {
    await child.stop();
  }
}
