/** HTTP servers as processes of their own: the built program, and scripts that stand beside it. */
import { closeSync, openSync } from 'node:fs';
import { until } from '../../support/peers.ts';
import { Child } from './child.ts';
import type { Part } from './cpus.ts';

export interface ProgramOptions {
  readonly part: Part;
  /** a JavaScript file */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** where it listens once it is ready */
  readonly tcpPort: number;
  /** a file that takes its standard output */
  readonly logFile?: string;
  /** the answer by which it is known to be ready; default 200 */
  readonly path?: string;
}

export class Program {
  readonly url: string;
  readonly #child: Child;

  private constructor(url: string, child: Child) {
    this.url = url;
    this.#child = child;
  }

  static async start(options: ProgramOptions): Promise<Program> {
    const { part, script, env, tcpPort, logFile, path = '/' } = options;
    const output = logFile === undefined ? 'ignore' : openSync(logFile, 'a');
    const child = new Child(script, part, process.execPath, [script], {
      stdio: ['ignore', output, 'inherit'],
      env: { ...process.env, ...env },
    });
    if (output !== 'ignore') closeSync(output);
    const url = `http://127.0.0.1:${tcpPort}`;
    await until(
      () =>
        fetch(url + path).then(
          ({ ok }) => ok,
          () => false,
        ),
      { what: `${script} answering at ${url}`, timeoutMs: 30_000 },
    );
    return new Program(url, child);
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}
