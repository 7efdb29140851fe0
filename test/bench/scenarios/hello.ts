/** `GET /` of the built program, beside bare `node:http` and beside fastify and hono with the same features. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/free-ports.ts';
import { httpLoad, wrkMissing } from '../harness/http-load.ts';
import { PROGRAM } from '../harness/preparation.ts';
import { Program } from '../harness/program.ts';
import { interleave, ratioOf, type Variant } from '../harness/rounds.ts';
import type { Ratio, RunSettings, Scenario, ScenarioResult } from '../harness/scenario.ts';
import { BUILT } from '../harness/worker.ts';

export const hello: Scenario = {
  name: 'hello',
  rows: [1, 2],
  title: 'GET / over 64 keep-alive connections',
  quick: true,
  run,
};

/** Time, level, request id, path, status and duration take more. */
const LEAST_LINE_BYTES = 100;

const LOGS = ['on', 'off'] as const;
type Log = (typeof LOGS)[number];

async function run(settings: RunSettings): Promise<ScenarioResult> {
  if (wrkMissing !== undefined) return { figures: [], ratios: [], notes: [wrkMissing] };
  const folder = mkdtempSync(join(tmpdir(), 'bench-hello-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const programs = new Map<string, Program>();
  const start = async (name: string, script: string, env: Record<string, string>, log: Log) => {
    const tcpPort = await freePort();
    const logFile = join(folder, `${name.replaceAll(' ', '-')}.log`);
    const program = await Program.start({
      ...{ part: 'server', script, tcpPort, logFile },
      env: { NODE_ENV: 'production', PORT: String(tcpPort), LOG: log, ...env },
    });
    programs.set(name, program);
    return { program, logFile };
  };
  try {
    const logs = new Map<string, string>();
    for (const log of LOGS) {
      const level = log === 'on' ? 'info' : 'error';
      const env = { HOST: '127.0.0.1', LOG_LEVEL: level, ENABLE_DISTRIBUTION: 'false' };
      const ours = await start(`ours, log ${log}`, PROGRAM, env, log);
      if (log === 'on') logs.set('ours', ours.logFile);
      for (const name of ['fastify', 'hono']) {
        const script = `${BUILT}competitors/${name}-hello.js`;
        const { logFile } = await start(`${name}, log ${log}`, script, {}, log);
        if (log === 'on') logs.set(name, logFile);
      }
    }
    const sample = await answerOf(programs.get('ours, log on')!);
    const { HEADERS, BODY } = { HEADERS: JSON.stringify(sample.headers), BODY: sample.body };
    await start('bare node:http', `${BUILT}workers/bare-http.js`, { HEADERS, BODY }, 'off');
    await compareAnswers(programs);

    const served = new Map<string, number>();
    const variants = [...programs].map(
      ([name, program]): Variant => ({
        name,
        unit: 'requests/s',
        measure: async () => {
          const rate = await httpLoad(`${program.url}/`, settings.measureMs);
          served.set(name, (served.get(name) ?? 0) + (rate * settings.measureMs) / 1000);
          return rate;
        },
      }),
    );
    const figures = await interleave(variants, settings);
    for (const [name, file] of logs) {
      const requests = Math.round(served.get(`${name}, log on`) ?? Number.NaN);
      const { size } = statSync(file);
      if (!(size > requests * LEAST_LINE_BYTES)) {
        throw new Error(
          `expected a line for each of ${requests} requests to ${name}, got ${size} bytes`,
        );
      }
    }
    const ratio = (row: number, id: string, a: string, b: string, limit: number): Ratio => ({
      ...{ row, id, what: `${a} : ${b}`, value: ratioOf(figures, a, b) },
      reach: { kind: 'atLeast', limit },
    });
    const better = (log: Log): string => {
      const [fastify, hono] = [`fastify, log ${log}`, `hono, log ${log}`];
      return figures.get(fastify)!.median >= figures.get(hono)!.median ? fastify : hono;
    };
    return {
      figures: [...figures.values()],
      ratios: [
        ratio(1, 'hello-bare-log', 'ours, log on', 'bare node:http', 0.85),
        ratio(1, 'hello-bare-no-log', 'ours, log off', 'bare node:http', 0.95),
        ratio(2, 'hello-frameworks-log', 'ours, log on', better('on'), 1),
        ratio(2, 'hello-frameworks-no-log', 'ours, log off', better('off'), 1),
      ],
      notes: ['all answer with the same JSON and a request id; bare node:http sends fixed bytes'],
    };
  } finally {
    for (const program of programs.values()) await program.stop();
    process.removeListener('exit', remove);
    remove();
  }
}

interface Answer {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Without the headers that `node:http` adds by itself. */
async function answerOf(program: Program): Promise<Answer> {
  const response = await fetch(`${program.url}/`);
  const headers = Object.fromEntries(response.headers);
  for (const name of ['connection', 'date', 'keep-alive']) delete headers[name];
  return { headers, body: await response.text() };
}

async function compareAnswers(programs: ReadonlyMap<string, Program>): Promise<void> {
  const expected = ['message', 'node', 'timestamp'].join();
  for (const [name, program] of programs) {
    const { headers, body } = await answerOf(program);
    const keys = Object.keys(JSON.parse(body) as object).join();
    if (keys !== expected || !/^application\/json/.test(headers['content-type'] ?? '')) {
      throw new Error(`${name}: expected JSON with ${expected}, got ${body}`);
    }
    if (headers['x-request-id'] === undefined) throw new Error(`${name}: no request id`);
  }
}
