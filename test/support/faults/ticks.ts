import { pathToFileURL } from 'node:url';
import { PROGRAM } from '../program.ts';

/** The environment of a program that gives a silent peer up after this time, instead of 60 s. */
export function shortTicks(netTickTimeMs: number): Readonly<Record<string, string>> {
  const module = new URL('distribution/node/local-node.js', pathToFileURL(PROGRAM)).href;
  const source = `import { DEFAULT_LIMITS } from '${module}'; DEFAULT_LIMITS.netTickTimeMs = ${netTickTimeMs};`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(source)}` };
}
