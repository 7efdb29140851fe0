/**
 * How many calls a local server answers per second. Run: `node --import=tsx test/bench/gen-server.ts`.
 *
 * - `one after the other`: each call is awaited before the next one is made;
 * - `1,000 at a time`: a thousand calls are made before they are awaited;
 * - `asynchronous callback`: the same against a server whose callback returns a promise;
 * - `cast`: no reply, no promise;
 * - `send`: a bare message to a callback-style process.
 */
import { GenServerClient } from '../../lib/distribution/gen-server/client.ts';
import { startGenServer } from '../../lib/distribution/gen-server/gen-server.ts';
import { ProcessTable } from '../../lib/distribution/process/process-table.ts';
import { atom } from '../../lib/distribution/terms/atom.ts';

const MEASURE_MS = 1_500;
const BATCH = 1_000;

const remote = {
  deliver(): void {
    throw new Error('nothing here leaves the node');
  },
};
const processes = new ProcessTable({ node: 'bench@localhost', creation: 1, remote });
const client = new GenServerClient({ processes });
const increment = atom('increment');
let count = 0;
await startGenServer(
  processes,
  {
    handleCall: () => {
      count += 1;
      return { reply: count };
    },
    handleCast: () => {
      count += 1;
    },
  },
  { name: 'sync' },
);
await startGenServer(
  processes,
  {
    handleCall: async () => {
      count += 1;
      return { reply: count };
    },
  },
  { name: 'async' },
);
const sink = processes.spawnServer({
  onMessage: () => {
    count += 1;
  },
});

async function measure(name: string, batch: () => Promise<unknown> | undefined): Promise<void> {
  const warmUpEndMs = performance.now() + MEASURE_MS / 3;
  while (performance.now() < warmUpEndMs) await batch();
  let done = 0;
  const startMs = performance.now();
  let elapsedMs = 0;
  while (elapsedMs < MEASURE_MS) {
    await batch();
    done += BATCH;
    elapsedMs = performance.now() - startMs;
  }
  const perSecond = Math.round((done / elapsedMs) * 1_000);
  console.log(`${name.padEnd(24)}${perSecond.toLocaleString('en').padStart(12)} /s`);
}

const together = (name: string) => () =>
  Promise.all(Array.from({ length: BATCH }, () => client.call(atom(name), increment)));

await measure('one after the other', async () => {
  for (let i = 0; i < BATCH; i += 1) await client.call(atom('sync'), increment);
});
await measure('1,000 at a time', together('sync'));
await measure('asynchronous callback', together('async'));
await measure('cast', () => {
  for (let i = 0; i < BATCH; i += 1) client.cast(atom('sync'), increment);
  return undefined;
});
await measure('send', () => {
  for (let i = 0; i < BATCH; i += 1) processes.send(processes.nobody, sink.pid, increment);
  return undefined;
});
await processes.stop();
