/** A gigabyte in binaries of 1 MB from one node to another, and what it does to the calls of others. */
import { freePort, startEpmd } from '../../support/peers.ts';
import { otpMissing, startOtpNode } from '../harness/otp-node.ts';
import { interleave, ratioOf, type Variant } from '../harness/rounds.ts';
import type { Ratio, RunSettings, Scenario, ScenarioResult } from '../harness/scenario.ts';
import { Worker } from '../harness/worker.ts';

const BYTES = 1_000_000;
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
  const count = settings.quick ? 100 : 1_000;
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const epmd = await startEpmd(await freePort());
    stops.push(() => epmd.stop());
    const blast = await startOurs(stops, epmd.port);
    const worst: number[] = [];
    const medians: number[] = [];
    const variants: Variant[] = [
      {
        ...{ name: OURS, unit: 'MB/s' },
        measure: async () => {
          const result = await blast(count);
          worst.push(result.worstMs);
          medians.push(result.medianMs);
          return result.megabytesPerSecond;
        },
      },
    ];
    const notes = [
      `${count} binaries of 1 MB a round; calls of another process every millisecond meanwhile`,
    ];
    if (otpMissing === undefined) variants.push(await startOtp(stops, epmd.port, count));
    else notes.push(`OTP was left out: ${otpMissing}`);
    const figures = await interleave(variants, settings);
    // The first one is the warm-up's.
    const times = worst.slice(1);
    const calls = { rounds: times, median: Math.max(...times) };
    figures.set('worst call meanwhile', { name: 'worst call meanwhile', unit: 'ms', ...calls });
    notes.push(
      `the median call meanwhile took ${Math.max(...medians.slice(1)).toFixed(1)} ms at most`,
    );
    const ratios: Ratio[] = [
      {
        ...{ id: 'large-worst-call', row: 13, what: 'worst call of others meanwhile, ms' },
        value: calls.median,
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
  count: number,
): Promise<Variant> {
  const start = async (part: 'server' | 'load', name: string) => {
    const node = await startOtpNode({ part, name, cookie: 'bench-large-otp', epmdPort });
    stops.push(() => node.stop());
    return node;
  };
  const server = await start('server', 'otpsink@127.0.0.1');
  await server.eval('bench:sink()');
  const client = await start('load', 'otpsource@127.0.0.1');
  const source = `bench:blast('${server.name}', ${count}, ${BYTES})`;
  return {
    ...{ name: OTP, unit: 'MB/s' },
    measure: async () => Number(await client.eval(source, { timeoutMs: 120_000, format: '~w' })),
  };
}
