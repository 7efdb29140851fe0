/** A gigabyte in binaries of 1 MB from one node to another, and what it does to the calls of others. */
import { otpMissing, startOtpNode } from '../harness/otp-node.ts';
import { startMapper } from '../harness/port-mapper.ts';
import { interleave, ratioOf, type Variant } from '../harness/rounds.ts';
import type { Ratio, RunSettings, Scenario, ScenarioResult } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';
import { Worker } from '../harness/worker.ts';

const BYTES = 1_000_000;
/** Of each round, a quick one as well: with fewer it ends before either side has come up to speed. */
const COUNT = 1_000;
const OURS = 'ours → ours';
const OTP = 'OTP → OTP';

export const largeMessages: Scenario = {
  name: 'large-messages',
  rows: [13],
  title: '1 MB binaries from one node to another',
  quick: true,
  run,
};

interface Blast {
  readonly megabytesPerSecond: number;
  readonly medianMs: number;
  readonly worstMs: number;
}

async function run(settings: RunSettings): Promise<ScenarioResult> {
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const epmd = await startMapper();
    stops.push(() => epmd.stop());
    const ours = measured(OURS, await startOurs(stops, epmd.port));
    const sides = [ours];
    const notes = [
      `${COUNT} binaries of 1 MB a round; calls of another process every millisecond meanwhile`,
    ];
    if (otpMissing === undefined) {
      sides.push(measured(OTP, await startOtp(stops, epmd.port)));
    } else {
      notes.push(`OTP was left out: ${otpMissing}`);
    }
    const figures = await interleave(
      sides.map(({ variant }) => variant),
      settings,
    );
    for (const { variant, blasts } of sides) {
      // The first one is the warm-up's.
      const rounds = blasts.slice(1).map(({ worstMs }) => worstMs);
      const name = `worst call meanwhile, ${variant.name}`;
      figures.set(name, { name, unit: 'ms', rounds, median: median(rounds) });
      const medians = blasts.slice(1).map(({ medianMs }) => medianMs);
      const most = Math.max(...medians).toFixed(1);
      notes.push(`${variant.name}: the median call meanwhile took ${most} ms at most`);
    }
    const ratios: Ratio[] = [
      {
        ...{ id: 'large-worst-call', row: 13, what: 'worst call of others meanwhile, ms' },
        value: Math.max(...ours.blasts.slice(1).map(({ worstMs }) => worstMs)),
        reach: { kind: 'atMost', limit: 20 },
      },
    ];
    if (figures.has(OTP)) {
      ratios.push({
        ...{ id: 'large-otp', row: 13, what: `${OURS} : ${OTP}` },
        value: ratioOf(figures, OURS, OTP),
        reach: { kind: 'atLeast', limit: 0.7 },
      });
    }
    return { figures: [...figures.values()], ratios, notes };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** One of the two, and what its rounds came to. */
interface Side {
  readonly variant: Variant;
  readonly blasts: readonly Blast[];
}

function measured(name: string, blast: (count: number) => Promise<Blast>): Side {
  const blasts: Blast[] = [];
  const measure = async () => {
    const result = await blast(COUNT);
    blasts.push(result);
    return result.megabytesPerSecond;
  };
  return { variant: { name, unit: 'MB/s', measure }, blasts };
}

async function startOurs(
  stops: (() => Promise<unknown>)[],
  epmdPort: number,
): Promise<(count: number) => Promise<Blast>> {
  const start = async (part: 'server' | 'load', name: string): Promise<Worker> => {
    const args = [name, String(epmdPort), 'bench-large-ours'];
    const worker = await Worker.start('workers/large', { part, args });
    stops.push(() => worker.stop());
    return worker;
  };
  const server = await start('server', 'sink@127.0.0.1');
  await server.ask('serve');
  const client = await start('load', 'source@127.0.0.1');
  await client.ask('connect', 'sink@127.0.0.1');
  return (count) => client.ask<Blast>('blast', { peer: 'sink@127.0.0.1', count, bytes: BYTES });
}

async function startOtp(
  stops: (() => Promise<unknown>)[],
  epmdPort: number,
): Promise<(count: number) => Promise<Blast>> {
  const start = async (part: 'server' | 'load', name: string) => {
    const node = await startOtpNode({ part, name, cookie: 'bench-large-otp', epmdPort });
    stops.push(() => node.stop());
    return node;
  };
  const server = await start('server', 'otpsink@127.0.0.1');
  await server.eval('bench:sink()');
  const client = await start('load', 'otpsource@127.0.0.1');
  return async (count) => {
    const source = `bench:blast('${server.name}', ${count}, ${BYTES})`;
    const result = await client.eval(source, { timeoutMs: 120_000, format: '~w' });
    const [megabytesPerSecond = 0, medianMs = 0, worstMs = 0] = result
      .replace(/[{}]/g, '')
      .split(',')
      .map(Number);
    return { megabytesPerSecond, medianMs, worstMs };
  };
}
