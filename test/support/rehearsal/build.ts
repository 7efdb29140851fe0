/** The build of the platform: a clean copy of the sources, in which the build hook runs once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { delimiter, dirname, relative } from 'node:path';
import type { Variables } from './platform-environment.ts';

/** What Git would not push. */
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', 'dist', '.tap', '.git', 'coverage']);

/** The build hook failed. `message` ends with what it wrote. */
export class BuildError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BuildError';
  }
}

/** Copies the sources of an application, without what was built or installed there. */
export function copySources(app: string, folder: string): void {
  cpSync(app, folder, {
    recursive: true,
    filter: (source) => !LEFT_OUT.has(relative(app, source)) && !source.endsWith('.log'),
  });
}

/**
 * Runs the build hook.
 *
 * @param variables those of the platform; of the machine's own, npm gets what it needs to reach its registry
 * @throws {BuildError} if it ends with anything but 0
 */
export async function runBuildHook(
  hook: string,
  folder: string,
  variables: Variables,
  onOutput: (text: string) => void = () => {},
  machine: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const child = spawn('sh', ['-c', hook], {
    cwd: folder,
    env: { ...machineVariables(machine), ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      onOutput(text);
    });
  }
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new BuildError(`the build hook ended with ${code ?? signal}:\n${output}`);
}

/**
 * What the machine tells npm of its registry. What it tells other programs stays outside, and so does what `npm run`
 * tells its script.
 */
function machineVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const wanted =
    /^(PATH|HOME|npm_config_(registry|cache|cafile|userconfig|strict_ssl|nodedir)|(npm_config_)?(https?_|no_?)proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE)$/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => wanted.test(name)));
}

/**
 * A `PATH` on which `node` is the given binary.
 *
 * @param path that of the machine; the folders that `npm run` adds are left out, since an instance has none of them
 */
export function pathWith(node: string, path = '/usr/bin:/bin'): string {
  const folders = path.split(delimiter).filter((folder) => !/(\.bin|node-gyp-bin)$/.test(folder));
  return [dirname(node), ...folders].join(delimiter);
}
