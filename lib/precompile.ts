/**
 * The last step of the build: runs the program once, as a node that is alone, asks it what clients ask, and
 * keeps what V8 has compiled for that beside it (`compiled-file.ts`).
 *
 * Where it cannot serve, as in a container without loopback, the build goes on: what is kept then is what the
 * program compiles while it is loaded.
 */
import { CompiledFile } from './compiled-file.ts';

const PROGRAM = './program.bundle.js';

/** Nothing of the machine's own settings gets there. */
const SETTINGS = {
  ...{ NODE_ENV: 'production', LOG_LEVEL: 'info', ENABLE_DISTRIBUTION: 'false' },
  ...{ HOST: '127.0.0.1', PORT: '0' },
};

/** What clients ask of a node that is new. */
const REQUESTS: readonly string[] = [
  'GET /ready',
  'GET /',
  'GET /nodes',
  'GET /counter',
  'POST /counter/increment',
];

/** A build does not wait for an answer that does not come. */
const ANSWER_MS = 10_000;

async function ask(url: string): Promise<void> {
  for (const request of REQUESTS) {
    const [method = '', path = ''] = request.split(' ');
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(`${url}${path}`, { method, signal });
    if (response.status !== 200) throw new Error(`${request} was answered ${response.status}`);
    await response.arrayBuffer();
  }
}

async function main(): Promise<void> {
  const url = new URL(PROGRAM, import.meta.url);
  const file = CompiledFile.open(url);
  if (file === undefined) throw new Error(`expected the program in ${url.href}`);
  // Nothing has changed since the last build.
  if (file.cacheUsed) return;
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, SETTINGS);
  process.argv.splice(2);
  const { runProgram } = file.run<typeof import('./program.ts')>();
  let problem: unknown = 'it did not start';
  const code = await runProgram({
    onStart: (url) => {
      problem = undefined;
      const asked = ask(url).catch((error: unknown) => {
        problem = error;
      });
      void asked.then(() => {
        file.writeCache();
        process.kill(process.pid, 'SIGTERM');
      });
    },
  });
  if (code === 0 && problem === undefined) return;
  process.stderr.write(`what serving needs is not compiled in advance: ${String(problem)}\n`);
  file.writeCache();
}

await main();
