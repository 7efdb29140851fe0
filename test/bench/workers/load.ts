/** Keeps a number of operations under way, and counts them. */
import type { Commands } from './commands.ts';

interface LoadRequest {
  readonly inFlight: number;
  readonly durationMs: number;
}

/** The commands for a worker that calls, see `scenarios/calls.ts`. */
export function callCommands(call: () => Promise<unknown>): Commands {
  return {
    answers: async (count: number) => {
      const replies: unknown[] = [];
      for (let i = 0; i < count; i += 1) replies.push(await call());
      return replies;
    },
    load: (wanted: LoadRequest) => perSecond(wanted, call),
    latency: (durationMs: number) => medianLatency(durationMs, call),
  };
}

/** Operations per second. */
async function perSecond(
  { inFlight, durationMs }: LoadRequest,
  operation: () => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now();
  const deadline = startedAt + durationMs;
  let done = 0;
  const one = async (): Promise<void> => {
    do {
      await operation();
      done += 1;
    } while (performance.now() < deadline);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return (done * 1000) / (performance.now() - startedAt);
}

/** The median time of an operation in milliseconds, one at a time. */
async function medianLatency(
  durationMs: number,
  operation: () => Promise<unknown>,
): Promise<number> {
  const deadline = performance.now() + durationMs;
  const times: number[] = [];
  for (let before = performance.now(); before < deadline; ) {
    await operation();
    const after = performance.now();
    times.push(after - before);
    before = after;
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1] ?? Number.NaN;
}
