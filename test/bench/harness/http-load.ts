/** Load over HTTP by `wrk`: keep-alive connections with one request under way on each. */
import { text } from 'node:stream/consumers';
import { isInstalled } from '../../support/installed.ts';
import { spawnTied } from './child.ts';

/** Why no load can be made, if so. */
export const wrkMissing: string | undefined = isInstalled('wrk')
  ? undefined
  : 'wrk is not installed';

const CONNECTIONS = 64;

/** Requests per second. @throws {Error} when an answer was none of 2xx or a connection failed */
export async function httpLoad(url: string, durationMs: number, script?: string): Promise<number> {
  const seconds = Math.max(1, Math.round(durationMs / 1000));
  const args = [
    ...['--threads', '1', '--connections', String(CONNECTIONS), '--duration', `${seconds}s`],
    ...(script === undefined ? [] : ['--script', script]),
    url,
  ];
  const wrk = spawnTied('load', 'wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const stdout = await text(wrk.stdout!);
  if (/Non-2xx|Socket errors/.test(stdout))
    throw new Error(`${url}: failures under load\n${stdout}`);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1];
  if (rate === undefined) throw new Error(`expected wrk to tell a rate, got\n${stdout}`);
  return Number(rate);
}
