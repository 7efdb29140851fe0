/** Increments over HTTP, through a node that is not the owner, beside fastify with one Redis behind it. */
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/free-ports.ts';
import { isInstalled } from '../../support/installed.ts';
import { httpLoad, wrkMissing } from '../harness/http-load.ts';
import { startMapper } from '../harness/port-mapper.ts';
import { PROGRAM } from '../harness/preparation.ts';
import { Program } from '../harness/program.ts';
import { RedisServer } from '../harness/redis-server.ts';
import { interleave, ratioOf, type Variant } from '../harness/rounds.ts';
import type { RunSettings, Scenario, ScenarioResult } from '../harness/scenario.ts';
import { BUILT } from '../harness/worker.ts';

const POST = fileURLToPath(new URL('../harness/post.lua', import.meta.url));
const PATH = '/counter/increment';
/** For the page that tells who owns the counter. */
const OPERATOR = { user: 'bench', password: 'bench-increments' };
const OURS = 'ours, through a node that is not the owner';
const REDIS = 'fastify + ioredis, one Redis';

export const increments: Scenario = {
  name: 'increments',
  rows: [8],
  title: 'POST /counter/increment over 64 keep-alive connections',
  // Two processes on one core: with other work beside them, few short rounds say nothing.
  quick: false,
  run,
};

async function run(settings: RunSettings): Promise<ScenarioResult> {
  if (wrkMissing !== undefined) return { figures: [], ratios: [], notes: [wrkMissing] };
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const programs = new Map<string, Program>([[OURS, await startOurs(stops)]]);
    const notes = [
      'two nodes, one of them the owner; every increment is kept by both before it is answered',
    ];
    if (isInstalled('redis-server')) programs.set(REDIS, await startRedis(stops));
    else notes.push('row 8 was left out: redis-server is not installed');
    for (const [name, program] of programs) await compareAnswers(name, program);
    const variants = [...programs].map(
      ([name, { url }]): Variant => ({
        ...{ name, unit: 'requests/s' },
        measure: () => httpLoad(url + PATH, settings.measureMs, POST),
      }),
    );
    const figures = await interleave(variants, settings);
    const ratios = figures.has(REDIS)
      ? [
          {
            ...{ id: 'increments-redis', row: 8, what: `${OURS} : ${REDIS}` },
            value: ratioOf(figures, OURS, REDIS),
            reach: { kind: 'atLeast', limit: 1.2 } as const,
          },
        ]
      : [];
    return { figures: [...figures.values()], ratios, notes };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** The owner first, so that the node that gets the load is the other one. */
async function startOurs(stops: (() => Promise<unknown>)[]): Promise<Program> {
  const epmd = await startMapper();
  stops.push(() => epmd.stop());
  const names = ['owner@127.0.0.1', 'other@127.0.0.1'];
  let last: Program | undefined;
  for (const name of names) {
    const tcpPort = await freePort();
    const program = await Program.start({
      ...{ part: 'server', script: PROGRAM, tcpPort, path: '/counter' },
      env: {
        ...{ NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(tcpPort) },
        ...{ LOG_LEVEL: 'error', NODE_NAME: name, ERLANG_COOKIE: 'bench-increments-0123456789' },
        ...{ ERL_EPMD_PORT: String(epmd.port), CONNECT_NODES: names.join() },
        ...{ DASHBOARD_USER: OPERATOR.user, DASHBOARD_PASSWORD: OPERATOR.password },
      },
    });
    stops.push(() => program.stop());
    last = program;
  }
  const other = last!;
  if (await ownsCounter(other))
    throw new Error('expected the node with the load not to be the owner');
  return other;
}

async function ownsCounter({ url }: Program): Promise<boolean> {
  const credentials = Buffer.from(`${OPERATOR.user}:${OPERATOR.password}`).toString('base64');
  const headers = { authorization: `Basic ${credentials}` };
  const metrics = await (await fetch(`${url}/metrics`, { headers })).text();
  const owns = /^hello_distributed_owner(?:\{.*\})? ([01])$/m.exec(metrics)?.[1];
  if (owns === undefined) throw new Error(`expected to read who owns the counter, got ${metrics}`);
  return owns === '1';
}

async function startRedis(stops: (() => Promise<unknown>)[]): Promise<Program> {
  const redis = await RedisServer.start();
  stops.push(() => redis.stop());
  const tcpPort = await freePort();
  const program = await Program.start({
    ...{ part: 'server', script: `${BUILT}competitors/fastify-counter.js`, tcpPort },
    env: { NODE_ENV: 'production', PORT: String(tcpPort), REDIS_PORT: String(redis.port) },
  });
  stops.push(() => program.stop());
  return program;
}

async function compareAnswers(name: string, program: Program): Promise<void> {
  const counts: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    const response = await fetch(program.url + PATH, { method: 'POST' });
    const body = (await response.json()) as Record<string, unknown>;
    if (Object.keys(body).join() !== 'count,node,message') {
      throw new Error(`${name}: expected count, node and message, got ${Object.keys(body)}`);
    }
    counts.push(Number(body.count));
  }
  const [first = 0, ...rest] = counts;
  if (String(rest) !== String([first + 1, first + 2])) {
    throw new Error(`${name}: expected counts that go up by one, got ${counts}`);
  }
}
