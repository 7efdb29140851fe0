/** One publisher, three processes with a hundred subscribers each. */
import { isInstalled } from '../../support/installed.ts';
import { until } from '../../support/peers.ts';
import { startMapper } from '../harness/port-mapper.ts';
import { RedisServer } from '../harness/redis-server.ts';
import { interleave, ratioOf, type Variant } from '../harness/rounds.ts';
import type { RunSettings, Scenario, ScenarioResult } from '../harness/scenario.ts';
import { Worker } from '../harness/worker.ts';

const PROCESSES = 3;
const SUBSCRIBERS = 100;
/** Of each round, a quick one as well: with fewer it ends before either side has been compiled. */
const MESSAGES = 20_000;
const TEXT = 'x'.repeat(100);
const OURS = 'ours, broadcast to 3 nodes';
const REDIS = 'Redis pub/sub, 3 processes';

export const broadcast: Scenario = {
  name: 'broadcast',
  rows: [9],
  title: 'Broadcast of 100 bytes to 3 × 100 subscribers',
  quick: true,
  run,
};

interface Group {
  readonly publisher: Worker;
  readonly subscribers: readonly Worker[];
  published: number;
}

async function run(settings: RunSettings): Promise<ScenarioResult> {
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const groups = new Map<string, Group>([[OURS, await startOurs(stops)]]);
    const notes = [
      `${MESSAGES} messages a round; a round ends with the last delivery of the slowest process`,
    ];
    if (isInstalled('redis-server')) groups.set(REDIS, await startRedis(stops));
    else notes.push('row 9 was left out: redis-server is not installed');
    const variants = [...groups].map(
      ([name, group]): Variant => ({
        ...{ name, unit: 'deliveries/s' },
        measure: () => deliveries(group, MESSAGES),
      }),
    );
    const figures = await interleave(variants, settings);
    const ratios = figures.has(REDIS)
      ? [
          {
            ...{ id: 'broadcast-redis', row: 9, what: `${OURS} : ${REDIS}` },
            value: ratioOf(figures, OURS, REDIS),
            reach: { kind: 'atLeast', limit: 2 } as const,
          },
        ]
      : [];
    return { figures: [...figures.values()], ratios, notes };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** Every process has to get every message with every subscriber: no more and no less ends a round. */
async function deliveries(group: Group, count: number): Promise<number> {
  group.published += count;
  const startedAt = performance.now();
  const wanted = group.published * SUBSCRIBERS;
  const all = group.subscribers.map((worker) => worker.ask<number>('reached', wanted));
  await group.publisher.ask('publish', { count, text: TEXT });
  const reached = await Promise.all(all);
  if (reached.some((each) => each !== wanted)) {
    throw new Error(`expected ${wanted} deliveries in each process, got ${reached}`);
  }
  return (count * SUBSCRIBERS * PROCESSES * 1000) / (performance.now() - startedAt);
}

async function startOurs(stops: (() => Promise<unknown>)[]): Promise<Group> {
  const epmd = await startMapper();
  stops.push(() => epmd.stop());
  const start = async (part: 'server' | 'load', name: string): Promise<Worker> => {
    const worker = await Worker.start('workers/pubsub', {
      part,
      args: [name, String(epmd.port)],
    });
    stops.push(() => worker.stop());
    return worker;
  };
  const names = Array.from({ length: PROCESSES }, (_, at) => `subscriber${at}@127.0.0.1`);
  const subscribers: Worker[] = [];
  for (const name of names) {
    const worker = await start('server', name);
    await worker.ask('subscribe', SUBSCRIBERS);
    subscribers.push(worker);
  }
  const publisher = await start('load', 'publisher@127.0.0.1');
  await publisher.ask('connect', names);
  return ready({ publisher, subscribers, published: 0 });
}

async function startRedis(stops: (() => Promise<unknown>)[]): Promise<Group> {
  const redis = await RedisServer.start();
  stops.push(() => redis.stop());
  const start = async (part: 'server' | 'load'): Promise<Worker> => {
    const worker = await Worker.start('competitors/redis-pubsub', {
      part,
      args: [String(redis.port)],
    });
    stops.push(() => worker.stop());
    return worker;
  };
  const subscribers: Worker[] = [];
  for (let i = 0; i < PROCESSES; i += 1) {
    const worker = await start('server');
    await worker.ask('subscribe', SUBSCRIBERS);
    subscribers.push(worker);
  }
  return ready({ publisher: await start('load'), subscribers, published: 0 });
}

/** The publisher learns of the subscribers by and by: messages before that are lost, and not counted. */
async function ready(group: Group): Promise<Group> {
  const heard = new Set<number>();
  group.subscribers.forEach((worker, at) => {
    void worker.ask('reached', 1).then(() => heard.add(at));
  });
  await until(
    async () => {
      await group.publisher.ask('publish', { count: 1, text: TEXT });
      return heard.size === PROCESSES;
    },
    { what: 'every subscriber hears the publisher', timeoutMs: 20_000, intervalMs: 100 },
  );
  return align(group);
}

/** Lets every process begin to count anew. */
async function align(group: Group): Promise<Group> {
  await new Promise((resolve) => setTimeout(resolve, 500));
  await Promise.all(group.subscribers.map((worker) => worker.ask('reset')));
  return group;
}
