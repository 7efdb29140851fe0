/**
 * The cluster command: several nodes on this machine, each a process of its own, until Ctrl-C.
 *
 * Exit codes: 0 after SIGINT, SIGTERM or SIGHUP and for `--help`; 1 when the flags are wrong, a node does
 * not start, or all nodes have ended by themselves.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../config.ts';
import { onStopRequest } from '../stop-request.ts';
import { endWithTerminals, openTerminals } from '../terminal.ts';
import { ClusterStartError, LocalCluster } from './local-cluster.ts';
import { type ClusterOptions, clusterUsage, readOptions, wantsHelp } from './options.ts';
import { planNodes } from './plan.ts';
import { welcome } from './welcome.ts';

const PROGRAM = fileURLToPath(new URL('../main.js', import.meta.url));

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  if (wantsHelp(argv)) {
    say(clusterUsage());
    return 0;
  }
  try {
    return await run(readOptions(argv, process.env));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`cannot start: ${error.message}\n`);
    return 1;
  }
}

async function run(options: ClusterOptions): Promise<number> {
  const cookie = randomBytes(16).toString('hex');
  const stopping = new AbortController();
  const cluster = new LocalCluster({
    nodes: planNodes(options, cookie, process.env, process.stdout.isTTY),
    program: PROGRAM,
    say,
    onLine: ({ name }, line) => say(`${name.slice(0, name.indexOf('@'))} | ${line}`),
    signal: stopping.signal,
  });
  // The terminal may be gone, or the reader of a pipe. That is no reason to leave the nodes behind.
  process.stdout.on('error', () => stopping.abort());
  const ignoreStopRequests = onStopRequest(({ urgent }) => {
    if (urgent) cluster.kill();
    else stopping.abort();
  });
  let code = 0;
  try {
    await cluster.start();
    const rows = cluster.processes.map(({ node, pid }) => ({ ...node, pid }));
    say(welcome(rows, { cookie, epmdPort: options.epmdPort }));
    code = await untilOver(cluster, stopping.signal);
  } catch (error) {
    if (!stopping.signal.aborted) {
      if (!(error instanceof ClusterStartError)) throw error;
      process.stderr.write(`cannot start: ${error.message}\n`);
      code = 1;
    }
  } finally {
    if (stopping.signal.aborted) say('\nstopping all nodes');
    await cluster.stop();
    ignoreStopRequests();
  }
  return code;
}

/** @returns the exit code, once there is a reason to end */
async function untilOver(cluster: LocalCluster, signal: AbortSignal): Promise<number> {
  const asked = new Promise<0>((resolve) => {
    if (signal.aborted) resolve(0);
    signal.addEventListener('abort', () => resolve(0), { once: true });
  });
  const ended = cluster.ended.then((): 1 => {
    if (!signal.aborted) process.stderr.write('all nodes have ended\n');
    return 1;
  });
  return await Promise.race([asked, ended]);
}

const terminals = openTerminals();
process.exitCode = await main();
endWithTerminals(terminals);
