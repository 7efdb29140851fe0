/** Keeps a number of operations under way, and counts them. */

export interface LoadRequest {
  readonly inFlight: number;
  readonly durationMs: number;
}

/** Operations per second. */
export async function perSecond(
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
export async function medianLatency(
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
