/** Calls between two nodes: ours, OTP's, and across; beside Redis, the bare socket, and the least that a call can be. */
import { freePort } from '../../support/free-ports.ts';
import { isInstalled } from '../../support/installed.ts';
import { type Peer, startEpmd } from '../../support/peers.ts';
import { otpMissing, startOtpNode } from '../harness/otp-node.ts';
import { RedisServer } from '../harness/redis-server.ts';
import { interleave, ratioOf, type Variant } from '../harness/rounds.ts';
import type { Ratio, RunSettings, Scenario, ScenarioResult } from '../harness/scenario.ts';
import { Worker } from '../harness/worker.ts';

/** What both a worker of ours and an OTP node can do here. */
interface Caller {
  answers(count: number): Promise<readonly number[]>;
  load(inFlight: number, durationMs: number): Promise<number>;
  latency(durationMs: number): Promise<number>;
}

const CALLS_TO_COMPARE = 5;
/** What tells the length of a frame, with us and with the echo. */
const PREFIX_BYTES = 4;

export const calls: Scenario = {
  name: 'calls',
  rows: [3, 4, 5, 6, 7],
  title: 'Calls of a gen_server on another node',
  quick: true,
  run,
};

async function run(settings: RunSettings): Promise<ScenarioResult> {
  const { measureMs, quick } = settings;
  const notes: string[] = [];
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const callers = new Map<string, Caller>();
    const ours = await startOurs(stops);
    callers.set('ours → ours', ours.caller);
    if (otpMissing === undefined) {
      for (const [name, caller] of await startOtp(stops)) callers.set(name, caller);
    } else notes.push(`rows 3 and 7 were left out: ${otpMissing}`);
    if (isInstalled('redis-server')) callers.set('Redis', await startRedis(stops));
    else notes.push('row 4 was left out: redis-server is not installed');
    if (!quick) {
      callers.set('least call', await startLeast(stops, ours.payloadBytes * 2));
      notes.push(
        'least call: fixed bytes with a number in them, and a promise; what no call can go below',
      );
    }
    await compareAnswers(callers);
    const echo = await startEcho(stops, ours.payloadBytes - PREFIX_BYTES);
    callers.set('bare echo', echo);
    notes.push(
      `each competitor counts alike; one call and its reply take ${ours.payloadBytes * 2} bytes of ours`,
    );

    const depths = quick ? [64] : [1, 16, 64, 256];
    const rates: Variant[] = [...callers].flatMap(([name, caller]) =>
      depths.map((inFlight) => ({
        name: `${name}, ${inFlight} in flight`,
        unit: 'calls/s',
        measure: () => caller.load(inFlight, measureMs),
      })),
    );
    const latencies: Variant[] = [...callers].map(([name, caller]) => ({
      name: `${name}, latency`,
      unit: 'ms',
      measure: () => caller.latency(measureMs),
    }));
    const figures = await interleave([...rates, ...latencies], settings);
    return { figures: [...figures.values()], ratios: ratiosOf(figures, depths), notes };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

function ratiosOf(
  figures: Parameters<typeof ratioOf>[0],
  depths: readonly number[],
): readonly Ratio[] {
  const ratios: Ratio[] = [];
  const atLeast = (row: number, id: string, a: string, b: string, limit: number): void => {
    if (!figures.has(a) || !figures.has(b)) return;
    const reach = { kind: 'atLeast', limit } as const;
    ratios.push({ id, row, what: `${a} : ${b}`, value: ratioOf(figures, a, b), reach });
  };
  atLeast(3, 'calls-otp-64', 'ours → ours, 64 in flight', 'OTP → OTP, 64 in flight', 3);
  for (const depth of depths.filter((each) => each >= 64)) {
    const ours = `ours → ours, ${depth} in flight`;
    atLeast(4, `calls-redis-${depth}`, ours, `Redis, ${depth} in flight`, 1.2);
    atLeast(5, `calls-echo-${depth}`, ours, `bare echo, ${depth} in flight`, 0.5);
  }
  ratios.push({
    ...{ id: 'call-latency-echo', row: 6, what: 'ours → ours, latency : bare echo, latency' },
    value: ratioOf(figures, 'ours → ours, latency', 'bare echo, latency'),
    reach: { kind: 'atMost', limit: 1.25 },
  });
  atLeast(7, 'calls-from-otp-64', 'OTP → ours, 64 in flight', 'OTP → OTP, 64 in flight', 1);
  atLeast(7, 'calls-to-otp-64', 'ours → OTP, 64 in flight', 'OTP → OTP, 64 in flight', 1);
  return ratios;
}

async function startOurs(stops: (() => Promise<unknown>)[]) {
  const cookie = 'bench-ours';
  const epmdPort = await freePort();
  const server = await Worker.start('workers/calls', {
    part: 'server',
    args: ['server@127.0.0.1', String(epmdPort), cookie],
  });
  stops.push(() => server.stop());
  await server.ask('serve');
  const client = await ourCaller(stops, 'client@127.0.0.1', epmdPort, cookie, 'server@127.0.0.1');
  const bytes = await client.ask<{ out: number; in: number }>('bytesPerCall', 1000);
  return { caller: remote(client), payloadBytes: Math.round((bytes.out + bytes.in) / 2) };
}

async function ourCaller(
  stops: (() => Promise<unknown>)[],
  name: string,
  epmdPort: number,
  cookie: string,
  server: string,
): Promise<Worker> {
  const client = await Worker.start('workers/calls', {
    part: 'load',
    args: [name, String(epmdPort), cookie],
  });
  stops.push(() => client.stop());
  await client.ask('connect', server);
  return client;
}

/** Three pairs in clusters of their own, which the cookies keep apart. */
async function startOtp(stops: (() => Promise<unknown>)[]): Promise<Map<string, Caller>> {
  const epmd = await startEpmd(await freePort());
  stops.push(() => epmd.stop());
  const epmdPort = epmd.port;
  const otp = async (part: 'server' | 'load', name: string, cookie: string): Promise<Peer> => {
    const node = await startOtpNode({ part, name: `${name}@127.0.0.1`, cookie, epmdPort });
    stops.push(() => node.stop());
    return node;
  };
  const callers = new Map<string, Caller>();

  const both = await otp('server', 'otp1', 'bench-otp');
  await both.eval('bench:serve()');
  callers.set('OTP → OTP', await otpCaller(await otp('load', 'otp2', 'bench-otp'), both.name));

  const mixed = await otp('server', 'otp3', 'bench-to-otp');
  await mixed.eval('bench:serve()');
  const toOtp = await ourCaller(stops, 'ours3@127.0.0.1', epmdPort, 'bench-to-otp', mixed.name);
  callers.set('ours → OTP', remote(toOtp));

  const server = await Worker.start('workers/calls', {
    part: 'server',
    args: ['ours4@127.0.0.1', String(epmdPort), 'bench-from-otp'],
  });
  stops.push(() => server.stop());
  await server.ask('serve');
  const fromOtp = await otp('load', 'otp4', 'bench-from-otp');
  callers.set('OTP → ours', await otpCaller(fromOtp, 'ours4@127.0.0.1'));
  return callers;
}

async function otpCaller(peer: Peer, server: string): Promise<Caller> {
  await peer.eval(`pong = net_adm:ping('${server}'), global:sync()`);
  await peer.evalUntil('is_pid(global:whereis_name(counter))', 'true');
  const number = async (source: string) =>
    Number(await peer.eval(source, { timeoutMs: 120_000, format: '~w' }));
  return {
    answers: async (count) =>
      JSON.parse(await peer.eval(`bench:answers(${count})`, { format: '~w' })),
    load: (inFlight, durationMs) => number(`bench:load(${inFlight}, ${Math.round(durationMs)})`),
    latency: (durationMs) => number(`bench:latency(${Math.round(durationMs)})`),
  };
}

async function startRedis(stops: (() => Promise<unknown>)[]): Promise<Caller> {
  const redis = await RedisServer.start();
  stops.push(() => redis.stop());
  const client = await Worker.start('competitors/redis', {
    part: 'load',
    args: [String(redis.port)],
  });
  stops.push(() => client.stop());
  return remote(client);
}

async function startEcho(stops: (() => Promise<unknown>)[], payloadBytes: number): Promise<Caller> {
  const server = await Worker.start('workers/echo', { part: 'server' });
  stops.push(() => server.stop());
  const client = await Worker.start('workers/echo', { part: 'load' });
  stops.push(() => client.stop());
  const port = await server.ask<number>('listen');
  await client.ask('connect', { port, payloadBytes });
  const echoed = await client.ask<number>('echoedBytes');
  if (echoed !== payloadBytes) throw new Error(`expected ${payloadBytes} bytes, got ${echoed}`);
  return remote(client);
}

async function startLeast(
  stops: (() => Promise<unknown>)[],
  bytesPerCall: number,
): Promise<Caller> {
  const server = await Worker.start('workers/least-call', { part: 'server' });
  stops.push(() => server.stop());
  const client = await Worker.start('workers/least-call', { part: 'load' });
  stops.push(() => client.stop());
  const port = await server.ask<number>('listen', { bytesPerCall });
  await client.ask('connect', { port, bytesPerCall });
  return remote(client);
}

function remote(worker: Worker): Caller {
  return {
    answers: (count) => worker.ask('answers', count),
    load: (inFlight, durationMs) => worker.ask('load', { inFlight, durationMs }),
    latency: (durationMs) => worker.ask('latency', durationMs),
  };
}

/** Every server counts one up with each call; where each of them has begun does not matter. */
async function compareAnswers(callers: ReadonlyMap<string, Caller>): Promise<void> {
  for (const [name, caller] of callers) {
    const replies = await caller.answers(CALLS_TO_COMPARE);
    const first = replies[0] ?? Number.NaN;
    const expected = Array.from({ length: CALLS_TO_COMPARE }, (_, at) => first + at);
    if (String(replies) !== String(expected)) {
      throw new Error(`${name}: expected replies that count up, got ${replies}`);
    }
  }
}
